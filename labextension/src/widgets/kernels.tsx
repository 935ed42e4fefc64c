// The kernels in containers: which notebook, which environment, which GPUs; and those on their way.
import { TranslationBundle } from '@jupyterlab/translation';
import { ToolbarButtonComponent, closeIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { CommandIDs } from '../commandIds';
import { phaseLabel } from '../format';
import { isInProgress } from '../launches';
import { IGpu, ILaunch } from '../wire';

/** The kernels section of the panel. */
export function Kernels(props: {
  launches: readonly ILaunch[];
  gpus: readonly IGpu[];
  commands: CommandRegistry;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { launches, trans } = props;
  if (launches.length === 0) {
    return (
      <p className="jp-GpuContainers-empty">
        {trans.__('No kernel runs in a container.')}
      </p>
    );
  }
  return (
    <ul className="jp-GpuContainers-list">
      {launches.map(launch => (
        <Kernel key={launch.id} {...props} launch={launch} />
      ))}
    </ul>
  );
}

function Kernel(props: {
  launch: ILaunch;
  gpus: readonly IGpu[];
  commands: CommandRegistry;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { launch, gpus, commands, trans } = props;
  const busy = isInProgress(launch);
  const name =
    launch.path.slice(launch.path.lastIndexOf('/') + 1) ||
    trans.__('Kernel without a notebook');
  return (
    <li className="jp-GpuContainers-kernel" data-state={launch.phase}>
      <button
        className="jp-GpuContainers-rowButton"
        disabled={!launch.path}
        title={launch.path}
        onClick={() => {
          void commands.execute(CommandIDs.openNotebook, { path: launch.path });
        }}
      >
        <span className="jp-GpuContainers-title">{name}</span>
        <span className="jp-GpuContainers-subtitle">
          {[
            busy && phaseLabel(trans, launch.phase),
            launch.display_name,
            held(trans, launch, gpus)
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </button>
      <ToolbarButtonComponent
        icon={closeIcon}
        tooltip={
          busy
            ? trans.__('Cancel the start for %1', name)
            : trans.__('Shut down the kernel of %1', name)
        }
        onClick={() => {
          void commands.execute(CommandIDs.stop, { id: launch.id });
        }}
      />
    </li>
  );
}

/** Which GPUs a launch holds, by index. */
function held(
  trans: TranslationBundle,
  launch: ILaunch,
  gpus: readonly IGpu[]
): string {
  const indices = gpus
    .filter(gpu => launch.gpus.includes(gpu.uuid))
    .map(gpu => gpu.index);
  return indices.length ? trans.__('GPU %1', indices.join(', ')) : '';
}
