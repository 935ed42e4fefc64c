// The launches of this server and those that it does not know (any more), by their ids.
import { IGpuContainersModel, IKernelSwitcher } from '../tokens';
import { ILaunch } from '../client/wire';

/** Remembered of those that the model has not. */
const KEPT = 50;

/** Finds launches, also those that were refused, or got lost with their server. */
export class LaunchMemory {
  constructor(private readonly _model: Pick<IGpuContainersModel, 'launches'>) {}

  /** A launch; null where there is none of this id. */
  find(id: string): ILaunch | null {
    return (
      this._model.launches.find(launch => launch.id === id) ??
      this._lost.get(id) ??
      null
    );
  }

  /** Remember a launch which the model may forget. */
  keep(launch: ILaunch): void {
    this._lost.delete(launch.id);
    this._lost.set(launch.id, launch);
    for (const id of this._lost.keys()) {
      if (this._lost.size <= KEPT) {
        break;
      }
      this._lost.delete(id);
    }
  }

  /** What failed, as a launch: one is made up where the server accepted none. */
  ofFailure(
    failure: IKernelSwitcher.IFailure,
    path: string,
    now: number
  ): ILaunch {
    const { displayName, image, launch, problem } = failure;
    const at = new Date(now).toISOString();
    const failed: ILaunch = launch ?? {
      id: `refused-${(this._refused += 1)}`,
      environment: '',
      display_name: displayName,
      image,
      path,
      kernel_id: null,
      container_id: null,
      gpus: [],
      phase: 'failed',
      phases: [{ phase: 'failed', at }],
      error: problem,
      queue: null,
      pull: null,
      idle: null,
      recovered: false,
      warnings: []
    };
    // a kernel that ran, and that the notebook could not be given
    const told = failed.error ? failed : { ...failed, error: problem };
    this.keep(told);
    return told;
  }

  private readonly _lost = new Map<string, ILaunch>();
  private _refused = 0;
}
