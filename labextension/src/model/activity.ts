// What a kernel is doing, as Jupyter Server tells of its sessions.
import { Session } from '@jupyterlab/services';
import { ILaunch } from '../client/wire';
import { idleness } from './idle';

/** What a running kernel does. */
export interface IActivity {
  /** Whether a cell runs. */
  isBusy: boolean;
  /** Since when nothing has run, ISO 8601; empty where it runs or is not known. */
  since: string;
}

/** What the kernel of a launch does; null where it does not run, or nothing is known of it. */
export function activityOf(
  launch: ILaunch,
  sessions: readonly Session.IModel[]
): IActivity | null {
  if (launch.phase !== 'running') {
    return null;
  }
  const kernel = sessions.find(
    ({ kernel }) => kernel && kernel.id === launch.kernel_id
  )?.kernel;
  if (kernel?.execution_state === 'busy') {
    return { isBusy: true, since: '' };
  }
  const since = idleness(launch)?.since ?? kernel?.last_activity ?? '';
  return since ? { isBusy: false, since } : null;
}
