// The state of GPUs, images and launches: asked for by REST, kept fresh by Jupyter's events.
import { Event } from '@jupyterlab/services';
import { TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { DisposableDelegate, IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';
import { GpuContainersClient } from '../client/client';
import { LaunchStore } from './launchStore';
import { isInProgress } from './launches';
import { RequestError, toProblem } from '../client/requests';
import { DOMAIN, IGpuContainersModel, Resource } from '../tokens';
import {
  IEnvironment,
  IGpus,
  IImage,
  ILaunch,
  ILimits,
  INewLaunch,
  IProblem,
  IStatus
} from '../client/wire';
import { IChanges, IImageDetails } from '../client/wireImages';

/** Schema of the events that carry launches. */
export const LAUNCH_SCHEMA =
  'https://events.jupyter-gpu-containers.dev/launch/v1';

/** Milliseconds between two refreshes while somebody looks. */
const WATCH_INTERVAL = 5000;
/** Milliseconds between two looks at launches in progress, should an event get lost. */
const PROGRESS_INTERVAL = 1500;

/** See {@link IGpuContainersModel}. */
export class GpuContainersModel implements IGpuContainersModel {
  constructor(options: GpuContainersModel.IOptions) {
    this._client = options.client;
    this._events = options.events;
    this._launches = new LaunchStore(
      options.trans ?? nullTranslator.load(DOMAIN)
    );
    this._launches.changed.connect(this._onLaunch, this);
    this._events?.stream.connect(this._onEvent, this);
    this._watchPoll = new Poll({
      name: 'jupyter-gpu-containers:watch',
      auto: false,
      factory: () => this.refresh(),
      frequency: { interval: WATCH_INTERVAL, backoff: false },
      standby: () => this._watchers === 0 || 'when-hidden'
    });
    this._progressPoll = new Poll({
      name: 'jupyter-gpu-containers:progress',
      auto: false,
      factory: () => this._refreshLaunches(),
      frequency: { interval: PROGRESS_INTERVAL, backoff: true, max: 15000 },
      standby: () => !this._inProgress
    });
    this.ready = this._start();
  }

  readonly ready: Promise<void>;

  get available(): boolean | null {
    return this._available;
  }

  get problem(): IProblem | null {
    return this._problem;
  }

  get problems(): Readonly<Partial<Record<Resource, IProblem>>> {
    return this._problems;
  }

  get status(): IStatus | null {
    return this._status;
  }

  get gpus(): IGpus | null {
    return this._gpus;
  }

  get images(): readonly IImage[] | null {
    return this._images;
  }

  get environments(): readonly IEnvironment[] | null {
    return this._environments;
  }

  get limits(): ILimits | null {
    return this._limits;
  }

  get launches(): readonly ILaunch[] {
    return this._launches.all;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get launchChanged(): ISignal<this, ILaunch> {
    return this._launchChanged;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._events?.stream.disconnect(this._onEvent, this);
    this._watchPoll.dispose();
    this._progressPoll.dispose();
    this._launches.dispose();
    Signal.clearData(this);
  }

  async refresh(): Promise<void> {
    const client = this._client;
    const loads: Record<Resource, Promise<void>> = {
      status: client.status().then(status => {
        this._status = status;
      }),
      gpus: client.gpus().then(gpus => {
        this._gpus = gpus;
      }),
      images: client.images().then(images => {
        this._images = images;
      }),
      environments: client.environments().then(environments => {
        this._environments = environments;
      }),
      launches: this._loadLaunches()
    };
    const resources = Object.keys(loads) as Resource[];
    const answers = await Promise.allSettled(
      resources.map(each => loads[each])
    );
    if (this._isDisposed) {
      return;
    }
    this._problems = {};
    answers.forEach((answer, index) => {
      if (answer.status === 'rejected') {
        this._problems[resources[index]] = toProblem(answer.reason);
      }
    });
    this._problem = Object.values(this._problems)[0] ?? null;
    this._changed.emit();
  }

  watch(): IDisposable {
    this._watchers += 1;
    void this._watchPoll.refresh();
    return new DisposableDelegate(() => {
      this._watchers -= 1;
    });
  }

  async loadLimits(): Promise<void> {
    if (this._limits) {
      return;
    }
    try {
      this._limits = await this._client.limits();
    } catch {
      return; // nothing is offered that needs them, and the next dialog asks again
    }
    if (!this._isDisposed) {
      this._changed.emit();
    }
  }

  changes(id: string): Promise<IChanges> {
    return this._client.changes(id);
  }

  async details(reference: string): Promise<IImageDetails> {
    const details = await this._client.image(reference);
    this._images =
      this._images?.map(image =>
        image.id === details.id
          ? { ...image, ...details, size: image.size }
          : image
      ) ?? null;
    this._changed.emit();
    return details;
  }

  async tag(source: string, reference: string): Promise<void> {
    await this._client.tag(source, reference);
    await this._refreshImages();
  }

  async remove(reference: string, force = false): Promise<string[]> {
    const removed = await this._client.removeImage(reference, force);
    await this._refreshImages();
    return removed;
  }

  async launch(request: INewLaunch): Promise<ILaunch> {
    const launch = await this._client.launch(request);
    this._launches.accept(launch);
    // an event may have been faster than the answer
    return this._launches.get(launch.id) ?? launch;
  }

  async cancel(id: string): Promise<void> {
    try {
      await this._client.cancel(id);
    } catch (reason) {
      if (!(reason instanceof RequestError && reason.status === 404)) {
        throw reason;
      }
    }
    await this._refreshLaunches();
  }

  async startOnCpu(id: string): Promise<ILaunch> {
    const launch = await this._client.startOnCpu(id);
    this._launches.accept(launch);
    return launch;
  }

  async keepAlive(id: string): Promise<ILaunch> {
    try {
      const launch = await this._client.keepAlive(id);
      this._launches.accept(launch);
      return launch;
    } catch (reason) {
      // mostly it has ended meanwhile, and what is shown of it is out of date
      await Promise.allSettled([this._refreshLaunches()]);
      throw reason;
    }
  }

  settled(id: string): Promise<ILaunch> {
    return this._launches.settled(id);
  }

  /** Find out whether the server half is there, and what it is starting. */
  private async _start(): Promise<void> {
    try {
      await this._loadLaunches();
      this._available = true;
    } catch (reason) {
      this._problem = toProblem(reason);
      this._problems = { launches: this._problem };
      this._available = !(
        reason instanceof RequestError && reason.isMissingServer
      );
    }
    if (!this._isDisposed && this._available) {
      void this._watchPoll.start();
      void this._progressPoll.start();
    }
    this._changed.emit();
  }

  private get _inProgress(): boolean {
    return this._launches.all.some(isInProgress);
  }

  private async _refreshImages(): Promise<void> {
    this._images = await this._client.images();
    this._changed.emit();
  }

  private async _refreshLaunches(): Promise<void> {
    await this._loadLaunches();
    this._changed.emit();
  }

  private async _loadLaunches(): Promise<void> {
    const asked = this._launches.known;
    this._launches.acceptAll(await this._client.launches(), asked);
  }

  private _onEvent(_: Event.IManager, event: Event.Emission): void {
    const { schema_id, ...data } = event;
    if (schema_id !== LAUNCH_SCHEMA) {
      return;
    }
    this._launches.accept(data as unknown as ILaunch);
    if (this._watchers > 0) {
      void this._watchPoll.refresh();
    }
  }

  private _onLaunch(_: LaunchStore, launch: ILaunch): void {
    this._launchChanged.emit(launch);
    this._changed.emit();
  }

  private _available: boolean | null = null;
  private _changed = new Signal<this, void>(this);
  private _client: GpuContainersClient;
  private _environments: IEnvironment[] | null = null;
  private _events: Event.IManager | undefined;
  private _gpus: IGpus | null = null;
  private _images: IImage[] | null = null;
  private _isDisposed = false;
  private _launchChanged = new Signal<this, ILaunch>(this);
  private _launches: LaunchStore;
  private _limits: ILimits | null = null;
  private _problem: IProblem | null = null;
  private _problems: Partial<Record<Resource, IProblem>> = {};
  private _progressPoll: Poll<void, unknown>;
  private _status: IStatus | null = null;
  private _watchers = 0;
  private _watchPoll: Poll<void, unknown>;
}

/** Options of the model. */
export namespace GpuContainersModel {
  /** What the model is made of. */
  export interface IOptions {
    client: GpuContainersClient;
    /** Jupyter's event bus; without it, launches are polled. */
    events?: Event.IManager;
    trans?: TranslationBundle;
  }
}
