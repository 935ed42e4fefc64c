// The GPUs of the machine: their memory and load, who holds them, and what is wrong with them.
import { TranslationBundle } from '@jupyterlab/translation';
import { JSONExt, PartialJSONObject } from '@lumino/coreutils';
import * as React from 'react';
import { allocatable } from '../model/format';
import { freeOf } from '../model/gpuKinds';
import { COMPACT_FROM, IBoard, boards } from '../model/gpuRows';
import { IGpus } from '../client/wire';
import { Hint, Problem } from '../widgets/problem';
import { Gpu, IGpusProps } from './gpuRow';
import { Empty } from './section';

/** Codes of problems that are a fact about the machine: there is nothing wrong with it. */
const FACTS = ['driver_not_installed', 'no_gpu'];

/** The GPUs section of the panel. */
export function Gpus(props: IGpusProps & { gpus: IGpus }): React.JSX.Element {
  const { gpus, commands, language, trans } = props;
  const { problem } = gpus;
  const isFact = problem !== null && FACTS.includes(problem.code);
  const isCompact = allocatable(gpus.gpus).length >= COMPACT_FROM;
  return (
    <>
      {gpus.gpus.length === 0 && !problem && (
        <Empty>
          {trans.__('This machine has no GPU. Kernels run on its CPU.')}
        </Empty>
      )}
      {problem && isFact && (
        <Empty>
          {problem.message}{' '}
          {problem.hint ? (
            <Hint hint={problem.hint} />
          ) : (
            trans.__('Kernels run on its CPU.')
          )}
        </Empty>
      )}
      {problem && !isFact && <Problem problem={problem} trans={trans} />}
      {groups(boards(gpus.gpus)).map(group => (
        <React.Fragment key={group[0].id}>
          {isCompact && <Product group={group} trans={trans} />}
          <ul
            className="jp-GpuContainers-list"
            data-compact={isCompact || undefined}
          >
            {group.map(board => (
              <Board
                key={board.id}
                board={board}
                isCompact={isCompact}
                commands={commands}
                language={language}
                trans={trans}
              />
            ))}
          </ul>
        </React.Fragment>
      ))}
    </>
  );
}

/** How many GPUs are free, in words. */
export function freeGpus(trans: TranslationBundle, gpus: IGpus): string {
  return freeOf(trans, allocatable(gpus.gpus));
}

/** Boards of the same product that follow each other. */
function groups(all: readonly IBoard[]): IBoard[][] {
  const found: IBoard[][] = [];
  for (const board of all) {
    const last = found.length > 0 ? found[found.length - 1] : null;
    if (last?.[0].name === board.name) {
      last.push(board);
    } else {
      found.push([board]);
    }
  }
  return found;
}

/** Where each GPU has one line, what they are is said once. */
function Product(props: {
  group: readonly IBoard[];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { group, trans } = props;
  const [{ name }] = group;
  return (
    <h4 className="jp-GpuContainers-product" title={name}>
      {group.length > 1 ? trans.__('%1 × %2', group.length, name) : name}
    </h4>
  );
}

interface IBoardProps extends IGpusProps {
  board: IBoard;
  isCompact: boolean;
}

/** A GPU, or a board with its instances. */
const Board = React.memo(
  (props: IBoardProps): React.JSX.Element => {
    const { board, isCompact, trans } = props;
    const { index, instances, name, whole } = board;
    if (instances.length === 0) {
      return <Gpu {...props} gpu={whole!} />;
    }
    const words = trans._n(
      '%1 MIG instance',
      '%1 MIG instances',
      instances.length
    );
    return (
      <li className="jp-GpuContainers-board">
        <div className="jp-GpuContainers-row">
          <span className="jp-GpuContainers-index">{index}</span>
          {!isCompact && (
            <span className="jp-GpuContainers-title" title={name}>
              {name}
            </span>
          )}
          <span className="jp-GpuContainers-state">{words}</span>
        </div>
        <ul
          className="jp-GpuContainers-list"
          aria-label={trans.__('MIG instances of GPU %1', index)}
        >
          {instances.map(gpu => (
            <Gpu key={gpu.uuid} {...props} gpu={gpu} isCompact />
          ))}
        </ul>
      </li>
    );
  },
  (before, after) =>
    before.isCompact === after.isCompact &&
    before.language === after.language &&
    before.trans === after.trans &&
    JSONExt.deepEqual(
      before.board as unknown as PartialJSONObject,
      after.board as unknown as PartialJSONObject
    )
);
Board.displayName = 'Board';
