// Pure questions about image references; the server alone decides what is a valid one.

/** Registry of references that name none. */
export const DOCKER_HUB = 'docker.io';

/** The parts of an image reference. */
export interface IReferenceParts {
  /** Host of the registry, with its port. */
  host: string;
  /** Path in the registry: "library/debian". */
  repository: string;
  /** Empty where none is given. */
  tag: string;
}

/** Take a reference apart as Docker does: "nvcr.io/nvidia/pytorch:25.08-py3". */
export function splitReference(reference: string): IReferenceParts {
  const [name] = reference.split('@');
  const slash = name.indexOf('/');
  const first = slash < 0 ? '' : name.slice(0, slash);
  const hasHost = /[.:]/.test(first) || first === 'localhost';
  const rest = hasHost ? name.slice(slash + 1) : name;
  const colon = rest.indexOf(':');
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const host = hasHost ? first : DOCKER_HUB;
  return {
    host: host === 'index.docker.io' ? DOCKER_HUB : host,
    repository:
      host === DOCKER_HUB && !path.includes('/') ? `library/${path}` : path,
    tag: colon < 0 ? '' : rest.slice(colon + 1)
  };
}

/** Host of the registry that a reference names. */
export function registryHost(reference: string): string {
  return splitReference(reference).host;
}

/** Whether what was typed can only be a reference, and no word to search for. */
export function looksLikeReference(text: string): boolean {
  return /[/:@]/.test(text) && !/\s/.test(text);
}

/** The same repository with another tag. */
export function withTag(reference: string, tag: string): string {
  const [name] = reference.split('@');
  const colon = name.lastIndexOf(':');
  const base = colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
  return `${base}:${tag}`;
}

/** Whether a registry wants nothing but an API key, whose user name is always the same. */
export function wantsApiKey(host: string): boolean {
  return host === 'nvcr.io';
}
