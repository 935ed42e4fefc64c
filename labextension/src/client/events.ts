// Jupyter's events of the server half, as `jupyter_gpu_containers/events/` lays them down. Who may use
// the server may also send them: what they say is shown, and nothing is done because of it.
import { Event } from '@jupyterlab/services';

import { ChangedResource, IGpuLoads, ILaunch } from './wire';
import { IJob } from './wireImages';

const PREFIX = 'https://events.jupyter-gpu-containers.dev/';

/** Schema of the events that carry launches. */
export const LAUNCH_SCHEMA = `${PREFIX}launch/v1`;
/** Schema of the events that carry jobs. */
export const JOB_SCHEMA = `${PREFIX}job/v1`;
/** Schema of the events that carry the load of GPUs. */
export const GPU_LOAD_SCHEMA = `${PREFIX}gpu-load/v1`;
/** Schema of the events that say what is to be asked for again. */
export const CHANGED_SCHEMA = `${PREFIX}changed/v1`;

/** Schema of Jupyter Server's own events of what was done with kernels. */
export const KERNEL_SCHEMA =
  'https://events.jupyter.org/jupyter_server/kernel_actions/v1';

/** The id of the kernel that Jupyter Server tells to have shut down; null where it tells of no such thing. */
export function shutDown(event: Event.Emission): string | null {
  const { schema_id, action, status, kernel_id } = event;
  const isEnd =
    schema_id === KERNEL_SCHEMA &&
    action === 'shutdown' &&
    status === 'success';
  return isEnd && typeof kernel_id === 'string' ? kernel_id : null;
}

/** What to do with each kind of event. */
export interface IEventHandlers {
  /** Something came, of whichever kind: events arrive. */
  heard?(): void;
  launch?(launch: ILaunch): void;
  job?(job: IJob): void;
  gpuLoad?(loads: IGpuLoads): void;
  changed?(resource: ChangedResource): void;
}

/** Hand an event over; those of others are ignored. */
export function handleEvent(
  event: Event.Emission,
  handlers: IEventHandlers
): void {
  const { schema_id, ...rest } = event;
  if (!schema_id.startsWith(PREFIX)) {
    return;
  }
  const data: unknown = rest;
  handlers.heard?.();
  switch (schema_id) {
    case LAUNCH_SCHEMA:
      handlers.launch?.(data as ILaunch);
      break;
    case JOB_SCHEMA:
      handlers.job?.(data as IJob);
      break;
    case GPU_LOAD_SCHEMA:
      handlers.gpuLoad?.(data as IGpuLoads);
      break;
    case CHANGED_SCHEMA:
      handlers.changed?.((data as { resource: ChangedResource }).resource);
      break;
  }
}
