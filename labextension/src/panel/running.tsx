// What runs in containers: which notebook, which environment, which GPUs; and what is on its way.
import { Session } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { IActivity, activityOf } from '../model/activity';
import { formatTime } from '../model/clock';
import { CommandIDs } from '../commands/commandIds';
import { heldBy } from '../model/gpuKinds';
import { idleness } from '../model/idle';
import { isInProgress, userOf } from '../model/launches';
import { launchLabel } from '../model/queue';
import { IGpu, IIdleness, ILaunch } from '../client/wire';
import { IconButton } from '../widgets/iconButton';
import { Place, kernelItems, openMenu } from './menus';
import { MenuButton, menuEvents } from './rowMenu';
import { Empty } from './section';

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
  const { launches, commands, trans } = props;
  if (launches.length === 0) {
    return (
      <Empty
        action={trans.__('Start one for the notebook…')}
        onClick={() => {
          void commands.execute(CommandIDs.selectEnvironment);
        }}
      >
        {trans.__('No kernel runs in a container.')}
      </Empty>
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
  const isStarting = isInProgress(launch);
  const idle = idleness(launch);
  const activity = activityOf(launch, sessions);
  const { path, type, ...user } = userOf(launch, sessions);
  const name = user.name || trans.__('Kernel without a notebook');
  const open = (place: Place) => {
    openMenu(commands, kernelItems(launch, { path, type }), place);
  };
  return (
    <li
      className="jp-GpuContainers-kernel"
      data-state={launch.phase}
      {...menuEvents(open)}
    >
      <div className="jp-GpuContainers-rowLine">
        <Dot
          state={isStarting ? 'starting' : activity?.isBusy ? 'busy' : 'idle'}
        />
        <button
          type="button"
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
              isStarting && launchLabel(trans, launch),
              launch.display_name,
              heldBy(trans, launch, gpus)
            ]
              .filter(Boolean)
              .join(' · ')}
          </span>
          <span className="jp-GpuContainers-subtitle" title={launch.image}>
            {[!idle && activityText(props, activity), launch.image]
              .filter(Boolean)
              .join(' · ')}
          </span>
        </button>
        <IconButton
          removes
          icon={closeIcon}
          label={
            isStarting
              ? trans.__('Cancel Start: %1', name)
              : trans.__('Shut down the kernel of %1', name)
          }
          onClick={() => {
            void commands.execute(CommandIDs.stop, { id: launch.id });
          }}
        />
        <MenuButton label={trans.__('Actions for %1', name)} open={open} />
      </div>
      <Warnings launch={launch} />
      {idle && <Idle {...props} name={name} idle={idle} />}
    </li>
  );
}

/** A sign beside the words that say the same. */
function Dot(props: {
  state: 'starting' | 'busy' | 'idle';
}): React.JSX.Element {
  return (
    <span
      className="jp-GpuContainers-dot"
      data-state={props.state}
      aria-hidden="true"
    />
  );
}

/** What the user should know of a kernel that runs on. */
function Warnings(props: { launch: ILaunch }): React.JSX.Element | null {
  const { warnings } = props.launch;
  if (warnings.length === 0) {
    return null;
  }
  return (
    <div
      className="jp-GpuContainers-warning"
      role="alert"
      title={warnings
        .map(({ message, hint }) => [message, hint].join('\n'))
        .join('\n\n')}
    >
      {warnings.map(({ message }) => message).join(' ')}
    </div>
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
        type="button"
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

/** What a kernel does, in words. */
function activityText(
  { language, trans }: IRunningProps,
  activity: IActivity | null
): string {
  if (!activity) {
    return '';
  }
  return activity.isBusy
    ? trans.__('busy')
    : trans.__('idle since %1', formatTime(language, activity.since));
}
