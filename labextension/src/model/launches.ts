// Pure questions about launches.
import { Session } from '@jupyterlab/services';
import { ILaunch, Phase } from '../client/wire';

/** Whether nothing more will happen. */
export function isFinal(phase: Phase): boolean {
  return phase === 'failed' || phase === 'cancelled';
}

/** Whether the kernel has not answered yet, but still may. */
export function isInProgress(launch: ILaunch): boolean {
  return !isFinal(launch.phase) && launch.phase !== 'running';
}

/** Whether the kernel had answered at some time. */
export function hasRun(launch: Pick<ILaunch, 'phases'>): boolean {
  return launch.phases.some(({ phase }) => phase === 'running');
}

/**
 * Whether `next` tells more about a launch than `known`: phases are only ever added; in one of them
 * the rest may change.
 */
export function isNews(known: ILaunch | undefined, next: ILaunch): boolean {
  return (
    !known ||
    next.phases.length > known.phases.length ||
    (next.phases.length === known.phases.length &&
      JSON.stringify(next) !== JSON.stringify(known))
  );
}

/** What uses a kernel. */
export interface IUser {
  /** What people call it. */
  name: string;
  path: string;
  /** Of the session: notebook or console. */
  type: string;
}

/** The session that has a launch's kernel; else the notebook that it was started for. */
export function userOf(
  launch: ILaunch,
  sessions: readonly Session.IModel[]
): IUser {
  const session = sessions.find(
    ({ kernel }) => kernel && kernel.id === launch.kernel_id
  );
  const { path, type } = session ?? { path: launch.path, type: 'notebook' };
  const name = path.slice(path.lastIndexOf('/') + 1);
  const isConsole = type === 'console';
  return { name: (isConsole && session?.name) || name, path, type };
}
