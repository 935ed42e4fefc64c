// Values in words.
import { TranslationBundle } from '@jupyterlab/translation';
import { IGpu, IImage, Phase } from '../client/wire';

/** Multiples of a byte: of RAM and GPU memory by 1024, of downloads, images and files by 1000. */
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** The largest unit of which there is one at least, as a power of 1024. */
function power(bytes: number): number {
  let exponent = 0;
  while (bytes >= 1023.5 * 1024 ** exponent && exponent < UNITS.length - 1) {
    exponent += 1;
  }
  return exponent;
}

/** To three figures at most. */
function round(value: number): number {
  return Number(value.toFixed(value >= 99.95 ? 0 : 1));
}

/**
 * An amount of RAM or of a GPU's memory, as `--memory 8g` counts: 8 GB are 8 · 1024³ bytes.
 *
 * @param bytes - a number of bytes
 */
export function formatMemory(bytes: number): string {
  const exponent = power(bytes);
  return `${round(bytes / 1024 ** exponent)} ${UNITS[exponent]}`;
}

/**
 * How much of a download is there, in one unit: "3.1 of 8.9 GB".
 *
 * @param current - a number of bytes
 * @param total - a number of bytes
 */
export function formatTransfer(
  trans: TranslationBundle,
  current: number,
  total: number
): string {
  const share = round(current / 1000 ** decimalPower(total));
  return trans.__('%1 of %2', share, formatSize(total));
}

/**
 * The size of a download, an image or files: "8.9 GB", as registries and `docker images` count.
 *
 * @param bytes - a number of bytes
 */
export function formatSize(bytes: number): string {
  const exponent = decimalPower(bytes);
  return `${round(bytes / 1000 ** exponent)} ${UNITS[exponent]}`;
}

/** The largest unit of which there is one at least, as a power of 1000. */
function decimalPower(bytes: number): number {
  let exponent = 0;
  while (bytes >= 999.5 * 1000 ** exponent && exponent < UNITS.length - 1) {
    exponent += 1;
  }
  return exponent;
}

/**
 * A share of memory, in one unit: "12.3 of 80 GB".
 *
 * @param used - a number of bytes
 * @param total - a number of bytes
 */
export function formatShare(
  trans: TranslationBundle,
  used: number,
  total: number
): string {
  const share = round(used / 1024 ** power(total));
  return trans.__('%1 of %2', share, formatMemory(total));
}

/**
 * A time that is still to be waited, roughly.
 *
 * @param seconds - 0 or more
 */
export function formatDuration(
  trans: TranslationBundle,
  seconds: number
): string {
  if (seconds < 60) {
    return trans.__('%1 s', Math.max(1, Math.round(seconds)));
  }
  const minutes = Math.round(seconds / 60);
  return minutes < 60
    ? trans.__('%1 min', minutes)
    : trans.__('%1 h %2 min', Math.floor(minutes / 60), minutes % 60);
}

/** The first two numbers of a version. */
export function shortVersion(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/** What happens in a phase of a launch. */
export function phaseLabel(trans: TranslationBundle, phase: Phase): string {
  switch (phase) {
    case 'queued':
      return trans.__('Waiting');
    case 'pulling':
      return trans.__('Pulling image');
    case 'waiting':
      return trans.__('Waiting for GPUs');
    case 'creating':
      return trans.__('Creating container');
    case 'starting':
      return trans.__('Starting kernel');
    case 'running':
      return trans.__('Running');
    case 'failed':
      return trans.__('Failed');
    case 'cancelled':
      return trans.__('Cancelled');
  }
}

/** How many GPUs an environment has. */
export function gpuCount(trans: TranslationBundle, count: number): string {
  return count === 0
    ? trans.__('CPU only')
    : trans._n('%1 GPU', '%1 GPUs', count);
}

/** What an image is called by people: its framework, else the end of its reference. */
export function imageTitle(
  image: Pick<IImage, 'framework' | 'id' | 'references'>
): string {
  const { framework, references } = image;
  if (framework) {
    return [framework.name, framework.version].filter(Boolean).join(' ');
  }
  const name = references[0]?.slice(references[0].lastIndexOf('/') + 1);
  return (
    name?.replace(/:latest$/, '').replace(':', ' ') ?? image.id.slice(0, 19)
  );
}

/** What to call an image by in a request. */
export function imageKey(image: Pick<IImage, 'id' | 'references'>): string {
  return image.references[0] ?? image.id;
}

/** GPUs that can be given to a container: MIG instances stand for the GPU that they are on. */
export function allocatable(gpus: readonly IGpu[]): IGpu[] {
  const split = new Set(gpus.map(gpu => gpu.parent_uuid));
  return gpus.filter(gpu => !split.has(gpu.uuid));
}

/** How many GPUs an image is for: one, unless nothing in it is known to need one. */
export function usualGpus(image: IImage): number {
  const { cuda, framework, kernels, verdict } = image;
  const isForGpus = cuda !== null || framework !== null;
  const wasJudged = kernels !== null || verdict?.verdict === 'cpu';
  return isForGpus || !wasJudged ? 1 : 0;
}

/** Whether an environment's image is this one. */
export function isImage(image: IImage, reference: string): boolean {
  return image.id === reference || image.references.includes(reference);
}
