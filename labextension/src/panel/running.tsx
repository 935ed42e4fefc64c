// The kernels in containers: which notebook, which environment, which GPUs; and those on their way.
import { Session } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import {
  ToolbarButtonComponent,
  closeIcon,
  saveIcon
} from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { formatTime } from '../model/clock';
import { CommandIDs } from '../commands/commandIds';
import { idleness } from '../model/idle';
import { isInProgress, userOf } from '../model/launches';
import { launchLabel } from '../model/queue';
import { IGpu, IIdleness, ILaunch } from '../client/wire';

interface IRunningProps {
  gpus: readonly IGpu[];
  /** The sessions of this server: a notebook that was renamed is known to them alone. */
  sessions: readonly Session.IModel[];
  commands: CommandRegistry;
  trans: TranslationBundle;
  /** BCP 47 tag of the language that times are told in. */
  language: string;
}

/** The Running section of the panel. */
export function Running(
  props: IRunningProps & { launches: readonly ILaunch[] }
): React.JSX.Element {
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

function Kernel(props: IRunningProps & { launch: ILaunch }): React.JSX.Element {
  const { launch, gpus, sessions, commands, trans } = props;
  const busy = isInProgress(launch);
  const idle = idleness(launch);
  const { path, type, ...user } = userOf(launch, sessions);
  const name = user.name || trans.__('Kernel without a notebook');
  return (
    <li className="jp-GpuContainers-kernel" data-state={launch.phase}>
      <button
        className="jp-GpuContainers-rowButton"
        disabled={!path}
        title={path}
        onClick={() => {
          void commands.execute(CommandIDs.openNotebook, { path, type });
        }}
      >
        <span className="jp-GpuContainers-title">{name}</span>
        <span className="jp-GpuContainers-subtitle">
          {[
            busy && launchLabel(trans, launch),
            launch.display_name,
            held(trans, launch, gpus)
          ]
            .filter(Boolean)
            .join(' · ')}
        </span>
      </button>
      {launch.warnings.length > 0 && (
        <span
          className="jp-GpuContainers-warning"
          role="alert"
          title={launch.warnings
            .map(({ message, hint }) => [message, hint].join('\n'))
            .join('\n\n')}
        >
          {launch.warnings.map(({ message }) => message).join(' ')}
        </span>
      )}
      {launch.phase === 'running' && (
        <ToolbarButtonComponent
          icon={saveIcon}
          tooltip={trans.__('Save the kernel of %1 as an image', name)}
          onClick={() => {
            void commands.execute(CommandIDs.saveImage, { id: launch.id });
          }}
        />
      )}
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
      {idle && <Idle {...props} name={name} idle={idle} />}
    </li>
  );
}

/** Since when nobody has used a kernel, and the way to keep it. */
function Idle(
  props: IRunningProps & { launch: ILaunch; name: string; idle: IIdleness }
): React.JSX.Element {
  const { idle, launch, language, name, commands, trans } = props;
  return (
    <div className="jp-GpuContainers-idle">
      <time dateTime={idle.since}>
        {trans.__('Idle since %1', formatTime(language, idle.since))}
      </time>
      <time dateTime={idle.stop_at}>
        {trans.__('Stops at %1', formatTime(language, idle.stop_at))}
      </time>
      <button
        className="jp-GpuContainers-link"
        aria-label={trans.__('Keep alive: %1', name)}
        onClick={() => {
          void commands.execute(CommandIDs.keepAlive, { id: launch.id });
        }}
      >
        {trans.__('Keep alive')}
      </button>
    </div>
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
