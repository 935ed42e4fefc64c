// Kinds of GPUs to choose from: whole ones, and MIG instances by size.
import { TranslationBundle } from '@jupyterlab/translation';
import { allocatable } from './format';
import { IGpu } from '../client/wire';

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

/** How many of some GPUs are free now, in words; where kernels share them, how many slots. */
export function freeNow(
  trans: TranslationBundle,
  gpus: readonly IGpu[]
): string {
  const { free, all } = freeSlots(gpus);
  return all > gpus.length
    ? trans.__('%1 of %2 slots free now', free, all)
    : trans.__('%1 of %2 free now', free, all);
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
