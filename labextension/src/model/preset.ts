// What the dialog of environments begins with: what is asked for, the present one, or the last one.
import { IEnvironment, IImage, INewLaunch } from '../client/wire';
import { ICatalogueEntry } from '../client/wireImages';
import { isImage } from './format';
import { needsWarning, versionOf } from './verdicts';

/** What is chosen at first; what is missing is the form's to choose. */
export interface IPreset {
  /** Reference or id. */
  image?: string;
  kernel?: string;
  gpus?: number;
  gpu_profile?: string;
  /** In bytes, like the next; null = the usual size. */
  memory?: number | null;
  shm_size?: number | null;
  /** Names of data mounts; null = the usual ones. */
  mounts?: string[] | null;
}

/** What an environment would be chosen by. */
export function presetOf(environment: IEnvironment): IPreset {
  const { kernel, gpus, gpu_profile, memory, shm_size, mounts } = environment;
  return {
    image: environment.reference,
    kernel,
    gpus,
    ...(gpu_profile ? { gpu_profile } : {}),
    memory,
    shm_size,
    mounts
  };
}

/** What is remembered of a launch: never a particular GPU, which may be somebody else's by then. */
export function rememberedOf(launch: INewLaunch): IPreset {
  const { image, kernel, gpus, gpu_profile } = launch;
  const { memory, shm_size, mounts } = launch;
  return withoutGaps({
    image,
    kernel,
    gpus,
    gpu_profile,
    memory,
    shm_size,
    mounts
  });
}

/** What was remembered, as far as it makes sense: it comes from a file that people may edit. */
export function parsePreset(value: unknown): IPreset | null {
  if (typeof value !== 'object' || value === null) {
    return null;
  }
  const known = value as Record<string, unknown>;
  const text = (key: string) =>
    typeof known[key] === 'string' && known[key] !== ''
      ? known[key]
      : undefined;
  const count = (key: string) =>
    Number.isSafeInteger(known[key]) && (known[key] as number) >= 0
      ? (known[key] as number)
      : undefined;
  const { mounts } = known;
  const image = text('image');
  if (image === undefined) {
    return null;
  }
  return withoutGaps({
    image,
    kernel: text('kernel'),
    gpus: count('gpus'),
    gpu_profile: text('gpu_profile'),
    memory: count('memory'),
    shm_size: count('shm_size'),
    mounts: Array.isArray(mounts)
      ? mounts.filter(name => typeof name === 'string')
      : undefined
  });
}

function withoutGaps(preset: IPreset): IPreset {
  const told = Object.entries(preset).filter(
    ([, value]) => value !== undefined && value !== null
  );
  return Object.fromEntries(told);
}

/** Whether what was remembered could be started: its image is here, or recommended. */
export function canBeOffered(
  preset: IPreset,
  images: readonly IImage[],
  catalogue: readonly ICatalogueEntry[]
): boolean {
  const { image } = preset;
  return (
    image !== undefined &&
    (images.some(each => isImage(each, image) && !each.problem) ||
      catalogue.some(entry => versionOf(entry) === image))
  );
}

/** The image to begin with where nothing else is known: one that is here and runs here. */
export function usualImage(images: readonly IImage[]): IImage | undefined {
  const usable = images.filter(({ problem }) => !problem);
  return (
    usable.find(({ verdict }) => verdict && !needsWarning(verdict)) ??
    usable.find(({ verdict }) => !needsWarning(verdict)) ??
    usable[0]
  );
}
