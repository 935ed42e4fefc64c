// Pure questions about image references. The grammar is the server's (`model/image/image.py`).

/** Failures of a registry after which the engine may still reach the image. */
export const NO_OBSTACLE = ['registry_unreachable', 'registry_rate_limited'];

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

const COMPONENT = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const LABEL = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const REGISTRY = `(?:${LABEL}(?:\\.${LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const REFERENCE = new RegExp(
  `^(?:${REGISTRY}/)?${COMPONENT}(?:/${COMPONENT})*` +
    '(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?' +
    '(?:@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$'
);
/** Longer ones are no reference that anybody means; the pattern never sees them. */
const LONGEST = 512;

/** Whether a text can be a reference, not an image id. */
export function isReference(text: string): boolean {
  return text.length <= LONGEST && REFERENCE.test(text) && !DIGEST.test(text);
}

/** Whether a text is a digest. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** The digest that a reference names, or null. */
export function digestOf(reference: string): string | null {
  const digest = reference.split('@')[1] ?? '';
  return isDigest(digest) ? digest : null;
}

/** The same repository by a digest: this content alone. */
export function withDigest(reference: string, digest: string): string {
  const [name] = reference.split('@');
  const colon = name.lastIndexOf(':');
  const base = colon > name.lastIndexOf('/') ? name.slice(0, colon) : name;
  return `${base}@${digest}`;
}

/** Whether two references name the same: "pytorch" is "docker.io/library/pytorch:latest". */
export function isSameReference(one: string, other: string): boolean {
  const [a, b] = [one, other].map(reference => {
    const { host, repository, tag } = splitReference(reference);
    const digest = reference.split('@')[1] ?? '';
    return [host, repository, tag || (digest ? '' : 'latest'), digest].join(
      ' '
    );
  });
  return a === b;
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
