// What waits for the next kernels, what it takes, and the way to have it back.
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import { formatMemory, gpuCount } from '../model/format';
import { IStatus } from '../client/wire';

/** A line below the kernels that run; nothing where nothing waits. */
export function Spares(props: {
  spares: IStatus['spares'] | undefined;
  commands: CommandRegistry;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { spares, commands, trans } = props;
  if (!spares?.count) {
    return null;
  }
  return (
    <div className="jp-GpuContainers-spares">
      <span
        title={trans.__('A kernel that starts in one of them answers at once.')}
      >
        {[
          trans._n(
            '%1 container waits for the next kernel',
            '%1 containers wait for the next kernels',
            spares.count
          ),
          spares.memory !== null &&
            trans.__('%1 of RAM', formatMemory(spares.memory)),
          spares.gpus > 0 && gpuCount(trans, spares.gpus)
        ]
          .filter(Boolean)
          .join(' · ')}
      </span>
      <button
        type="button"
        className="jp-GpuContainers-link"
        aria-label={trans.__('Remove the containers that wait')}
        onClick={() => {
          void commands.execute(CommandIDs.giveUpSpares);
        }}
      >
        {trans.__('Remove')}
      </button>
    </div>
  );
}
