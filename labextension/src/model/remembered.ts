// What a notebook remembers of the environment that it ran in: image, digest, kernel, GPUs, no more.
// A notebook may come from anybody: what is read from it is believed to be nothing but text, and
// leads to no request and no start before its reader has asked for one.
import { ReadonlyJSONObject } from '@lumino/coreutils';
import { IImage } from '../client/wire';
import { ICatalogueEntry } from '../client/wireImages';
import { IKernelSwitcher } from '../tokens';
import { digestOf, isDigest, isReference, isSameReference } from './references';

/** Key in a notebook's metadata. */
export const METADATA_KEY = 'jupyter_gpu_containers';

/** No machine has more. */
const MOST_GPUS = 256;
/** Names of kernels as Jupyter allows them. */
const KERNEL = /^[A-Za-z0-9._-]{1,100}$/;
/** How the server names kernelspecs of environments: by image, kernel and GPUs. */
const OUR_KERNELSPEC = /-(?:cpu|\d+gpu|\d+x\d+g\.[\w.+]+)(?:-\d+)?$/;

/** How the server names and titles those with MIG instances. */
const PROFILE_IN_TITLE = / · (?:\d+ × )?(\d+g\.[\w.+]+)(?: \(\d+\))?$/;
const PROFILE_IN_NAME = /-\d+x(\d+g\.\w+(?:\.\w+)*(?:-[a-z][\w.]*)?)(?:-\d+)?$/;

/** What a notebook remembers. */
export interface IRemembered {
  /** Reference of the image. */
  readonly image: string;
  /** What it was in its registry; null where it was never in one. */
  readonly digest: string | null;
  /** Name of the kernel in the image. */
  readonly kernel: string;
  readonly gpus: number;
}

/**
 * Where the image is that a notebook remembers. `here`: on this machine. `moved`: what has its name
 * on this machine is another image. `away`: not on this machine.
 */
export type Whereabouts =
  | { readonly kind: 'here' | 'moved'; readonly image: IImage }
  | {
      readonly kind: 'away';
      /** What the catalogue knows of it, without asking a registry. */
      readonly entry: ICatalogueEntry | null;
      /** Whether the catalogue says that this older version of an entry runs here. */
      readonly runsHere?: true;
    };

/** Read what a notebook remembers; null where it is nothing, or not what we wrote. */
export function readRemembered(value: unknown): IRemembered | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return null;
  }
  const own = new Map(Object.entries(value));
  const image: unknown = own.get('image');
  const digest: unknown = own.get('digest') ?? null;
  const kernel: unknown = own.get('kernel');
  const gpus: unknown = own.get('gpus');
  if (
    typeof image !== 'string' ||
    !isReference(image) ||
    typeof kernel !== 'string' ||
    !KERNEL.test(kernel) ||
    typeof gpus !== 'number' ||
    !Number.isInteger(gpus) ||
    gpus < 0 ||
    gpus > MOST_GPUS
  ) {
    return null;
  }
  const pinned = digestOf(image);
  if (digest === null) {
    return { image, digest: pinned, kernel, gpus };
  }
  const isSound =
    typeof digest === 'string' &&
    isDigest(digest) &&
    (pinned === null || pinned === digest);
  return isSound ? { image, digest, kernel, gpus } : null;
}

/** What is written of an environment; null where it has no name that others could use. */
export function rememberEnvironment(
  facts: IKernelSwitcher.IFacts | null
): IRemembered | null {
  if (!facts) {
    return null;
  }
  const { image, digest, kernel, gpus } = facts;
  return readRemembered({ image, digest, kernel, gpus });
}

/** As it stands in the notebook. */
export function toMetadata(remembered: IRemembered): ReadonlyJSONObject {
  const { image, digest, kernel, gpus } = remembered;
  return digest === null
    ? { image, kernel, gpus }
    : { image, digest, kernel, gpus };
}

/** Whether two are the same image, kernel and number of GPUs. */
export function isSameEnvironment(
  one: IRemembered | null,
  other: IRemembered | null
): boolean {
  return (
    one !== null &&
    other !== null &&
    isSameReference(one.image, other.image) &&
    one.digest === other.digest &&
    one.kernel === other.kernel &&
    one.gpus === other.gpus
  );
}

/** Whether a kernelspec's name and title are such as environments have. */
export function looksLikeEnvironment(name: string, title: string): boolean {
  return OUR_KERNELSPEC.test(name) && title.includes(' · ');
}

/**
 * The MIG profile that a kernelspec of ours tells by its title or name; null where it tells none. It
 * is Jupyter that writes both into the notebook.
 */
export function profileOf(name: string, title: string): string | null {
  const found = PROFILE_IN_TITLE.exec(title) ?? PROFILE_IN_NAME.exec(name);
  return found?.[1] ?? null;
}

/** Find out where an image is; asks nobody. */
export function locate(
  remembered: IRemembered,
  images: readonly IImage[],
  catalogue: readonly ICatalogueEntry[]
): Whereabouts {
  const { digest } = remembered;
  const exact =
    digest !== null &&
    images.find(({ digests }) =>
      digests.some(name => digestOf(name) === digest)
    );
  if (exact) {
    return { kind: 'here', image: exact };
  }
  const named = images.find(({ references }) =>
    references.some(name => isSameReference(name, remembered.image))
  );
  if (named) {
    return { kind: digest === null ? 'here' : 'moved', image: named };
  }
  const entry = catalogue.find(({ reference }) =>
    isSameReference(reference, remembered.image)
  );
  const isFit = catalogue.some(
    ({ runs_here }) => runs_here && isSameReference(runs_here, remembered.image)
  );
  return entry || !isFit
    ? { kind: 'away', entry: entry ?? null }
    : { kind: 'away', entry: null, runsHere: true };
}

/** What an image of this machine is called in a request: by the remembered name where it has it. */
export function nameHere(remembered: IRemembered, image: IImage): string {
  return (
    image.references.find(name => isSameReference(name, remembered.image)) ??
    image.references[0] ??
    image.id
  );
}
