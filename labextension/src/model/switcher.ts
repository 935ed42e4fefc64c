// Starts kernels in containers and attaches notebooks to them.
import { ISessionContext } from '@jupyterlab/apputils';
import { KernelSpec } from '@jupyterlab/services';
import { PromiseDelegate } from '@lumino/coreutils';
import { ISignal, Signal } from '@lumino/signaling';
import { toProblem } from '../client/requests';
import { IGpuContainersModel, IKernelSwitcher } from '../tokens';
import { ILaunch, INewLaunch, IProblem } from '../client/wire';

/** Key of the environment's facts in a kernelspec's metadata. */
const METADATA_KEY = 'gpu_containers';

/** See {@link IKernelSwitcher}. */
export class KernelSwitcher implements IKernelSwitcher {
  constructor(options: KernelSwitcher.IOptions) {
    this._model = options.model;
    this._kernelspecs = options.kernelspecs;
    this._localPath = options.localPath ?? (path => path);
    this._refreshSessions =
      options.refreshSessions ?? (() => Promise.resolve());
    this._isTaken = options.isTaken ?? (() => false);
    this._model.launchChanged.connect(this._onLaunchChanged, this);
  }

  get changed(): ISignal<this, ISessionContext> {
    return this._changed;
  }

  get failed(): ISignal<this, IKernelSwitcher.IFailure> {
    return this._failed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._model.launchChanged.disconnect(this._onLaunchChanged, this);
    Signal.clearData(this);
  }

  start(context: ISessionContext, what: INewLaunch): Promise<boolean> {
    return this._switch(context, null, what.image, () => {
      const path = this._localPath(context.path);
      const replaces = this._ownKernelId(context);
      return this._model.launch({ ...what, path, replaces });
    });
  }

  follow(context: ISessionContext, launch: ILaunch): Promise<boolean> {
    const pending = this._pending.get(context);
    if (pending?.launch?.id === launch.id) {
      return pending.done;
    }
    return this._switch(context, launch, launch.image, () =>
      Promise.resolve(launch)
    );
  }

  pending(context: ISessionContext): IKernelSwitcher.ISwitch | null {
    return this._pending.get(context) ?? null;
  }

  environment(kernelName: string): IKernelSwitcher.IFacts | null {
    const spec = this._kernelspecs.specs?.kernelspecs[kernelName];
    const facts = spec?.metadata?.[METADATA_KEY];
    return (facts as unknown as IKernelSwitcher.IFacts | undefined) ?? null;
  }

  private async _switch(
    context: ISessionContext,
    launch: ILaunch | null,
    wanted: string | undefined,
    begin: () => Promise<ILaunch>
  ): Promise<boolean> {
    const previous = this._pending.get(context);
    const done = new PromiseDelegate<boolean>();
    const current: Private.ISwitch = { launch, done: done.promise };
    this._pending.set(context, current);
    this._changed.emit(context);
    let problem: IProblem | null = null;
    try {
      if (previous) {
        await this._giveUp(previous);
      }
      current.launch = await begin();
      this._changed.emit(context);
      problem = await this._attach(context, current);
    } catch (reason) {
      problem = toProblem(reason);
    }
    // Superseded by a later switch: that one speaks for the notebook.
    const isLast = this._pending.get(context) === current;
    if (isLast) {
      this._pending.delete(context);
    }
    done.resolve(problem === null);
    this._changed.emit(context);
    if (problem && isLast && problem.code !== 'launch_cancelled') {
      const displayName = current.launch?.display_name ?? '';
      const image = current.launch?.image ?? wanted ?? '';
      const { launch } = current;
      this._failed.emit({ context, displayName, image, problem, launch });
    }
    return problem === null;
  }

  /** Wait for the launch and take its kernel; returns what went wrong, or null. */
  private async _attach(
    context: ISessionContext,
    current: Private.ISwitch
  ): Promise<IProblem | null> {
    const launch = await this._model.settled(current.launch!.id);
    current.launch = launch;
    if (launch.phase !== 'running' || !launch.kernel_id) {
      return launch.error ?? CANCELLED;
    }
    if (this._pending.get(context) !== current) {
      await this._model.cancel(launch.id);
      return CANCELLED;
    }
    if (context.isDisposed) {
      // The notebook was closed: opened again soon, it takes the launch up; else the server ends it.
      return CANCELLED;
    }
    if (!this.environment(launch.environment)) {
      await this._kernelspecs.refreshSpecs();
    }
    // a session whose kernel was stopped is gone, which JupyterLab learns within ten seconds only,
    // and cannot be given another kernel
    await Promise.allSettled([this._refreshSessions()]);
    try {
      await context.changeKernel({ id: launch.kernel_id });
    } catch (reason) {
      // another page may show the same notebook, and have given it the kernel
      await Promise.allSettled([this._refreshSessions()]);
      if (!this._isTaken(launch.kernel_id)) {
        await this._model.cancel(launch.id);
      }
      throw reason;
    }
    return null;
  }

  /** Cancel a switch that another one takes the place of, and wait until it is over. */
  private async _giveUp(previous: Private.ISwitch): Promise<void> {
    if (previous.launch) {
      await this._model.cancel(previous.launch.id);
    }
    await previous.done;
  }

  private _ownKernelId(context: ISessionContext): string | null {
    const kernel = context.session?.kernel;
    return kernel && this.environment(kernel.name) ? kernel.id : null;
  }

  private _onLaunchChanged(_: IGpuContainersModel, launch: ILaunch): void {
    for (const [context, current] of this._pending) {
      if (current.launch?.id === launch.id) {
        current.launch = launch;
        this._changed.emit(context);
      }
    }
  }

  private _changed = new Signal<this, ISessionContext>(this);
  private _failed = new Signal<this, IKernelSwitcher.IFailure>(this);
  private _isDisposed = false;
  private _isTaken: (kernelId: string) => boolean;
  private _kernelspecs: KernelSpec.IManager;
  private _localPath: (path: string) => string;
  private _refreshSessions: () => Promise<void>;
  private _model: IGpuContainersModel;
  private _pending = new Map<ISessionContext, Private.ISwitch>();
}

/** Types of the switcher. */
export namespace KernelSwitcher {
  /** What the switcher is made of. */
  export interface IOptions {
    model: IGpuContainersModel;
    kernelspecs: KernelSpec.IManager;
    /** A path without its drive, as the server knows it. */
    localPath?: (path: string) => string;
    /** Find out which sessions are still there. */
    refreshSessions?: () => Promise<void>;
    /** Whether a session has this kernel, as far as that was found out. */
    isTaken?: (kernelId: string) => boolean;
  }
}

/** Not told to the user, who asked for it. */
const CANCELLED: IProblem = { code: 'launch_cancelled', message: '', hint: '' };

namespace Private {
  /** A switch under way, as its owner sees it. */
  export interface ISwitch extends IKernelSwitcher.ISwitch {
    launch: ILaunch | null;
  }
}
