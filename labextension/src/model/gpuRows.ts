// GPUs as the panel shows them: boards with their MIG instances, and memory by who holds it.
import { TranslationBundle } from '@jupyterlab/translation';
import { IGpu, IHolder } from '../client/wire';
import { formatTime } from './clock';

/** GPUs from which on a row is one line of text. */
export const COMPACT_FROM = 5;

/** A GPU as it is plugged in, with its MIG instances if it is split. */
export interface IBoard {
  /** UUID. */
  id: string;
  index: number;
  /** Of the product, without the vendor. */
  name: string;
  /** null where the server tells of the instances alone. */
  whole: IGpu | null;
  instances: IGpu[];
}

/** GPUs by board, in the order of the server. */
export function boards(gpus: readonly IGpu[]): IBoard[] {
  const found = new Map<string, IBoard>();
  for (const gpu of gpus) {
    const id = gpu.parent_uuid ?? gpu.uuid;
    const board: IBoard = found.get(id) ?? {
      id,
      index: gpu.index,
      name: productName(gpu),
      whole: null,
      instances: []
    };
    found.set(id, board);
    if (gpu.parent_uuid === null) {
      board.whole = gpu;
    } else {
      board.instances.push(gpu);
    }
  }
  return [...found.values()];
}

/** What a GPU is called: the panel is narrow, and all of them are NVIDIA's. */
export function productName(gpu: IGpu): string {
  return gpu.name.replace(/^NVIDIA /, '');
}

/** Memory of a GPU that one holder has, or that belongs to none of them. */
export interface IShare {
  /** null: the driver, programs that are no kernels of ours, and what cannot be told apart. */
  holder: IHolder | null;
  /** In bytes; null = not known. */
  memory: number | null;
}

/** A GPU's memory by who has it, in the order of the holders; what is left is nobody's. */
export function shares(gpu: IGpu): IShare[] {
  const { holders, memory_used } = gpu;
  if (holders.length === 1 && (holders[0].memory_used ?? null) === null) {
    return [{ holder: holders[0], memory: memory_used }];
  }
  const known = holders.map(holder => ({
    holder,
    memory: holder.memory_used ?? null
  }));
  const sum = known.reduce((total, { memory }) => total + (memory ?? 0), 0);
  const rest = memory_used - sum;
  return rest > 0 ? [...known, { holder: null, memory: rest }] : known;
}

/** What a holder is called: its notebook where it is this server's, else its user, if known. */
export function holderName(trans: TranslationBundle, by: IHolder): string {
  return by.mine
    ? basename(by.notebook) || by.display_name
    : by.owner
      ? trans.__('user %1', by.owner)
      : by.display_name;
}

/** Since when a GPU is held, and how much it was used since then; "" where neither is known. */
export function heldText(
  trans: TranslationBundle,
  language: string,
  by: IHolder
): string {
  // an older server does not tell
  const since = by.since ?? null;
  const used = by.mean_utilization ?? null;
  return [
    since && trans.__('held since %1', formatTime(language, since)),
    used !== null && trans.__('%1 % used', used)
  ]
    .filter(Boolean)
    .join(' · ');
}

/** Who holds a GPU, in a few words. */
export function stateText(trans: TranslationBundle, gpu: IGpu): string {
  switch (gpu.state) {
    case 'free':
      return trans.__('free');
    case 'in_use':
      return trans.__('other program');
    case 'unavailable':
      return trans.__('out of service');
    case 'shared':
    case 'claimed': {
      const words = heldBy(trans, gpu) || trans.__('taken');
      return gpu.slots > 1
        ? trans.__('%1 (%2 of %3)', words, gpu.slots_used, gpu.slots)
        : words;
    }
  }
}

/** The names of those who hold a GPU, each once. */
function heldBy(trans: TranslationBundle, gpu: IGpu): string {
  const names = gpu.holders.map(by => holderName(trans, by));
  return [...new Set(names)].join(', ');
}

/** The same as {@link stateText}, where who holds it is listed by name below. */
export function slotsText(trans: TranslationBundle, gpu: IGpu): string {
  return trans.__('%1 of %2 slots', gpu.slots_used, gpu.slots);
}

function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
