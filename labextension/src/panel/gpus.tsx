// The GPUs of the machine, their memory, and who holds them.
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { allocatable, formatShare } from '../model/format';
import { freeSlots } from '../model/gpuKinds';
import { IGpu, IGpus, IHolder } from '../client/wire';
import { Problem } from '../widgets/problem';

/** The GPUs section of the panel. */
export function Gpus(props: {
  gpus: IGpus;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { gpus, trans } = props;
  return (
    <>
      {gpus.problem && <Problem problem={gpus.problem} isFact />}
      {!gpus.problem && gpus.gpus.length === 0 && (
        <p className="jp-GpuContainers-empty">
          {trans.__('This machine has no GPU. Kernels run on its CPU.')}
        </p>
      )}
      <ul className="jp-GpuContainers-list">
        {gpus.gpus.map(gpu => (
          <Gpu key={gpu.uuid} gpu={gpu} trans={trans} />
        ))}
      </ul>
    </>
  );
}

/** How many GPUs are free, in words. */
export function freeGpus(trans: TranslationBundle, gpus: IGpus): string {
  return freeOf(trans, allocatable(gpus.gpus));
}

/** How many of some GPUs are free, in words; where kernels share them, how many of their slots. */
export function freeOf(trans: TranslationBundle, gpus: IGpu[]): string {
  const { free, all } = freeSlots(gpus);
  return all > gpus.length
    ? trans.__('%1 of %2 slots free', free, all)
    : trans.__('%1 of %2 free', free, all);
}

function Gpu(props: {
  gpu: IGpu;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { gpu, trans } = props;
  const isInstance = gpu.parent_uuid !== null;
  const memory = formatShare(trans, gpu.memory_used, gpu.memory_total);
  // the panel is narrow, and all of them are NVIDIA's
  const name = gpu.mig_profile ?? gpu.name.replace(/^NVIDIA /, '');
  return (
    <li
      className="jp-GpuContainers-gpu"
      data-state={gpu.state}
      data-instance={isInstance || undefined}
      title={`${gpu.name}\n${gpu.uuid}`}
    >
      <div className="jp-GpuContainers-row">
        <span className="jp-GpuContainers-index">{gpu.index}</span>
        <span className="jp-GpuContainers-title">{name}</span>
        <span className="jp-GpuContainers-state">{holder(trans, gpu)}</span>
      </div>
      {gpu.memory_total > 0 && (
        <div className="jp-GpuContainers-row">
          <meter
            className="jp-GpuContainers-meter"
            aria-label={trans.__('Memory of GPU %1', gpu.index)}
            max={gpu.memory_total}
            value={gpu.memory_used}
          />
          <span className="jp-GpuContainers-detail">{memory}</span>
        </div>
      )}
      {gpu.problem && <Problem problem={gpu.problem} />}
    </li>
  );
}

/** Who holds a GPU, in a few words. */
function holder(trans: TranslationBundle, gpu: IGpu): string {
  switch (gpu.state) {
    case 'free':
      return trans.__('free');
    case 'in_use':
      return trans.__('other program');
    case 'unavailable':
      return trans.__('unavailable');
    case 'shared':
    case 'claimed': {
      const names = [...new Set(gpu.holders.map(by => called(trans, by)))];
      const words = names.join(', ') || trans.__('taken');
      return gpu.slots > 1
        ? trans.__('%1 (%2 of %3)', words, gpu.slots_used, gpu.slots)
        : words;
    }
  }
}

/** What a holder is called: its notebook where it is this server's, else its user, if known. */
function called(trans: TranslationBundle, by: IHolder): string {
  return by.mine
    ? basename(by.notebook) || by.display_name
    : by.owner
      ? trans.__('user %1', by.owner)
      : by.display_name;
}

function basename(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
