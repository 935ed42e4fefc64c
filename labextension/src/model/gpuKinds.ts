// Kinds of GPUs to choose from: whole ones, and MIG instances by size.
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

/** How many kernels more GPUs have room for, and how many in all. */
export function freeSlots(gpus: readonly IGpu[]): {
  free: number;
  all: number;
} {
  const left = (gpu: IGpu) => (canBeHad(gpu) ? gpu.slots - gpu.slots_used : 0);
  const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
  return { free: sum(gpus.map(left)), all: sum(gpus.map(gpu => gpu.slots)) };
}
