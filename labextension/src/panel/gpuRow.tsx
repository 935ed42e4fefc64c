// One GPU, or one MIG instance of it.
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import { formatMemory, formatShare } from '../model/format';
import {
  IShare,
  heldText,
  holderName,
  productName,
  shares,
  slotsText,
  stateText
} from '../model/gpuRows';
import { IGpu } from '../client/wire';
import { Bar } from '../widgets/bar';
import { Problem } from '../widgets/problem';

/** What the rows of GPUs work with. */
export interface IGpusProps {
  commands: CommandRegistry;
  /** BCP 47 tag of the language that times are told in. */
  language: string;
  trans: TranslationBundle;
}

interface IGpuProps extends IGpusProps {
  gpu: IGpu;
  isCompact: boolean;
}

/** A GPU or MIG instance: what it is, who holds it, how full and how busy it is. */
export function Gpu(props: IGpuProps): React.JSX.Element {
  const { gpu, isCompact, commands, language, trans } = props;
  const profile = gpu.mig_profile;
  const parts = shares(gpu);
  const memory =
    gpu.memory_total > 0
      ? formatShare(trans, gpu.memory_used, gpu.memory_total)
      : '';
  const load =
    gpu.utilization === null ? '' : trans.__('%1 % busy', gpu.utilization);
  const called = profile ?? trans.__('GPU %1', gpu.index);
  const held =
    !isCompact && gpu.holders.length === 1
      ? heldText(trans, language, gpu.holders[0])
      : '';
  return (
    <li
      className="jp-GpuContainers-gpu"
      data-state={gpu.state}
      data-compact={isCompact || undefined}
      title={`${gpu.name}\n${gpu.uuid}`}
    >
      <div className="jp-GpuContainers-row">
        <span className="jp-GpuContainers-index">
          {profile ? '' : gpu.index}
        </span>
        {(profile ?? !isCompact) && (
          <span className="jp-GpuContainers-title">
            {profile ?? productName(gpu)}
          </span>
        )}
        <State
          gpu={gpu}
          commands={commands}
          language={language}
          trans={trans}
        />
        {isCompact && (
          <span className="jp-GpuContainers-detail">
            {[
              gpu.utilization !== null && trans.__('%1 %', gpu.utilization),
              memory
            ]
              .filter(Boolean)
              .join(' · ')}
          </span>
        )}
      </div>
      {memory && (
        <div className="jp-GpuContainers-measure">
          <Bar
            label={trans.__('Memory of %1', called)}
            text={memory}
            max={gpu.memory_total}
            parts={parts
              .map(({ memory, holder }, index) => ({
                value: memory ?? 0,
                number: holder ? index : null
              }))
              .filter(({ value }) => value > 0)}
          />
          {!isCompact && (
            <span className="jp-GpuContainers-detail">{memory}</span>
          )}
        </div>
      )}
      {load && (
        <div className="jp-GpuContainers-measure">
          <Bar
            label={trans.__('Load of %1', called)}
            text={load}
            max={100}
            parts={[{ value: gpu.utilization ?? 0, number: 0 }]}
            isThin
          />
          {!isCompact && (
            <span className="jp-GpuContainers-detail">{load}</span>
          )}
        </div>
      )}
      {held && (
        <span className="jp-GpuContainers-subtitle jp-GpuContainers-held">
          {held}
        </span>
      )}
      {isListed(gpu) && (
        <Holders parts={parts} language={language} trans={trans} />
      )}
      {gpu.problem && <Problem problem={gpu.problem} trans={trans} />}
    </li>
  );
}

/** Who holds a GPU; a notebook of this server can be opened. */
function State(props: IGpusProps & { gpu: IGpu }): React.JSX.Element {
  const { gpu, commands, language, trans } = props;
  const words =
    gpu.slots > 1 && isListed(gpu)
      ? slotsText(trans, gpu)
      : stateText(trans, gpu);
  const [holder] = gpu.holders;
  if (gpu.holders.length === 1 && holder.mine && holder.notebook) {
    return (
      <button
        type="button"
        className="jp-GpuContainers-state jp-GpuContainers-holder"
        title={lines(
          trans.__('Open %1', holder.notebook),
          heldText(trans, language, holder)
        )}
        onClick={() => {
          const path = holder.notebook;
          void commands.execute(CommandIDs.openNotebook, { path });
        }}
      >
        {words}
      </button>
    );
  }
  return (
    <span
      className="jp-GpuContainers-state"
      title={lines(
        words,
        ...gpu.holders.map(by => heldText(trans, language, by))
      )}
    >
      {words}
    </span>
  );
}

/** What a tooltip says, without empty lines. */
function lines(...texts: string[]): string {
  return texts.filter(Boolean).join('\n');
}

/** Whether it is known who has how much of a GPU's memory, and there is more than one of them. */
function isListed({ holders }: IGpu): boolean {
  return (
    holders.length > 1 &&
    holders.some(({ memory_used }) => memory_used !== null)
  );
}

/** Who has how much of a GPU's memory, in the order of the bar. */
function Holders(props: {
  parts: readonly IShare[];
  language: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { parts, language, trans } = props;
  return (
    <ul className="jp-GpuContainers-list jp-GpuContainers-holders">
      {parts.map(({ holder, memory }, index) => (
        <li
          key={index}
          className="jp-GpuContainers-row"
          title={(holder && heldText(trans, language, holder)) || undefined}
        >
          <span
            className="jp-GpuContainers-swatch"
            data-part={holder ? index % 4 : 'other'}
            aria-hidden="true"
          />
          <span className="jp-GpuContainers-subtitle">
            {holder ? holderName(trans, holder) : trans.__('other')}
          </span>
          <span className="jp-GpuContainers-detail">
            {memory === null ? trans.__('not known') : formatMemory(memory)}
          </span>
        </li>
      ))}
    </ul>
  );
}
