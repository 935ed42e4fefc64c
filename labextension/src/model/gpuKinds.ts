// Kinds of GPUs to choose from: whole ones, and MIG instances by size.
import { TranslationBundle } from '@jupyterlab/translation';
import { allocatable } from './format';
import { IGpu, ILaunch } from '../client/wire';

/** GPUs of one kind. */
export interface IGpuKind {
  /** A MIG profile, or null where none is asked for. */
  profile: string | null;
  /** All that the server may give for it, free or not. */
  gpus: IGpu[];
}

/**
 * The kinds of a machine. The first is what a mere number means: whole GPUs, or any MIG instance
 * where there is no whole GPU.
 */
export function gpuKinds(gpus: readonly IGpu[]): IGpuKind[] {
  const usable = allocatable(gpus);
  const whole = usable.filter(gpu => gpu.mig_profile === null);
  const profiles = new Set(usable.map(gpu => gpu.mig_profile));
  profiles.delete(null);
  return [
    { profile: null, gpus: whole.length ? whole : usable },
    ...[...profiles].sort().map(profile => ({
      profile,
      gpus: usable.filter(gpu => gpu.mig_profile === profile)
    }))
  ];
}

/** Whether another kernel can have a GPU now. */
export function canBeHad(gpu: IGpu): boolean {
  return gpu.state === 'free' || gpu.state === 'shared';
}

/** Which GPUs a launch has, in words: "GPU 3"; empty where it has none, or they are not known. */
export function heldBy(
  trans: TranslationBundle,
  launch: Pick<ILaunch, 'gpus'>,
  gpus: readonly IGpu[]
): string {
  const names = gpus
    .filter(({ uuid }) => launch.gpus.includes(uuid))
    .map(({ index, mig_profile }) =>
      mig_profile ? `${index} (${mig_profile})` : String(index)
    );
  return names.length ? trans.__('GPU %1', names.join(', ')) : '';
}

/** How many of some GPUs a notebook could have now, its present kernel's among them. */
export function availableTo(
  gpus: readonly IGpu[],
  kernelId: string | undefined
): number {
  return gpus.filter(
    gpu =>
      canBeHad(gpu) ||
      gpu.holders.some(({ kernel_id }) => kernel_id === kernelId)
  ).length;
}

/** Who has GPUs, in words, each once; a notebook's own kernel is not meant. */
export function holdersOf(
  trans: TranslationBundle,
  gpus: readonly IGpu[],
  kernelId: string | undefined
): string[] {
  const names = gpus
    .filter(gpu => !canBeHad(gpu))
    .flatMap(gpu =>
      gpu.state === 'in_use' && gpu.holders.length === 0
        ? [trans.__('another program')]
        : gpu.holders
            .filter(({ kernel_id }) => kernel_id !== kernelId)
            .map(by =>
              by.mine
                ? by.notebook.slice(by.notebook.lastIndexOf('/') + 1) ||
                  by.display_name
                : by.owner
                  ? trans.__('user %1', by.owner)
                  : by.display_name
            )
    );
  return [...new Set(names)].filter(Boolean);
}

/**
 * How many of some GPUs are free, in words; where kernels share them, how many of their slots.
 *
 * @param isNamed - whether whole GPUs and MIG instances must be told apart
 */
export function freeOf(
  trans: TranslationBundle,
  gpus: readonly IGpu[],
  isNamed = gpus.some(isPart)
): string {
  if (!isNamed) {
    const { free, all } = freeSlots(gpus);
    return all > gpus.length
      ? trans.__('%1 of %2 slots free', free, all)
      : trans.__('%1 of %2 free', free, all);
  }
  const whole = gpus.filter(gpu => !isPart(gpu));
  const parts = gpus.filter(isPart);
  return parts.length === 0
    ? trans.__('%1 free', ofWhole(trans, whole))
    : whole.length === 0
      ? trans.__('%1 free', ofParts(trans, parts))
      : trans.__(
          '%1 and %2 free',
          ofWhole(trans, whole),
          ofParts(trans, parts)
        );
}

function ofWhole(trans: TranslationBundle, gpus: readonly IGpu[]): string {
  const { free, all } = freeSlots(gpus);
  return all > gpus.length
    ? trans.__('%1 of %2 GPU slots', free, all)
    : trans._n('%2 of %1 GPU', '%2 of %1 GPUs', all, free);
}

function ofParts(trans: TranslationBundle, gpus: readonly IGpu[]): string {
  const { free, all } = freeSlots(gpus);
  return all > gpus.length
    ? trans.__('%1 of %2 slots of MIG instances', free, all)
    : trans._n('%2 of %1 MIG instance', '%2 of %1 MIG instances', all, free);
}

/** Whether it is a MIG instance. */
function isPart(gpu: IGpu): boolean {
  return gpu.mig_profile !== null;
}

/** How many kernels more GPUs have room for, and how many in all. */
export function freeSlots(gpus: readonly IGpu[]): {
  free: number;
  all: number;
} {
  const left = (gpu: IGpu) => (canBeHad(gpu) ? gpu.slots - gpu.slots_used : 0);
  const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
  return { free: sum(gpus.map(left)), all: sum(gpus.map(gpu => gpu.slots)) };
}
