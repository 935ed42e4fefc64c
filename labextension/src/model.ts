// The state of GPUs, images and launches: asked for by REST, kept fresh by Jupyter's events.
import { Event } from '@jupyterlab/services';
import { TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { DisposableDelegate, IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';
import { GpuContainersClient, RequestError, toProblem } from './client';
import { isFinal, isInProgress, isNews } from './launches';
import { DOMAIN, IGpuContainersModel } from './tokens';
import {
  IEnvironment,
  IGpus,
  IImage,
  ILaunch,
  INewLaunch,
  IProblem,
  IStatus
} from './wire';

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
    this._trans = options.trans ?? nullTranslator.load(DOMAIN);
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

  get launches(): readonly ILaunch[] {
    return [...this._launches.values()].sort((a, b) => began(b) - began(a));
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
    Signal.clearData(this);
  }

  async refresh(): Promise<void> {
    const client = this._client;
    const answers = await Promise.allSettled([
      client.status().then(status => {
        this._status = status;
      }),
      client.gpus().then(gpus => {
        this._gpus = gpus;
      }),
      client.images().then(images => {
        this._images = images;
      }),
      client.environments().then(environments => {
        this._environments = environments;
      }),
      this._loadLaunches()
    ]);
    if (this._isDisposed) {
      return;
    }
    const failure = answers.find(
      (answer): answer is PromiseRejectedResult => answer.status === 'rejected'
    );
    this._problem = failure ? toProblem(failure.reason) : null;
    this._changed.emit();
  }

  watch(): IDisposable {
    this._watchers += 1;
    void this._watchPoll.refresh();
    return new DisposableDelegate(() => {
      this._watchers -= 1;
    });
  }

  async probe(reference: string): Promise<IImage> {
    const image = await this._client.image(reference);
    this._images =
      this._images?.map(other => (other.id === image.id ? image : other)) ??
      null;
    this._changed.emit();
    return image;
  }

  async launch(request: INewLaunch): Promise<ILaunch> {
    const launch = await this._client.launch(request);
    this._accept(launch);
    return launch;
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

  settled(id: string): Promise<ILaunch> {
    const now = this._launches.get(id);
    if (now && !isInProgress(now)) {
      return Promise.resolve(now);
    }
    return new Promise(resolve => {
      const onChanged = (_: unknown, launch: ILaunch) => {
        if (launch.id === id && !isInProgress(launch)) {
          this._launchChanged.disconnect(onChanged, this);
          resolve(launch);
        }
      };
      this._launchChanged.connect(onChanged, this);
    });
  }

  /** Find out whether the server half is there, and what it is starting. */
  private async _start(): Promise<void> {
    try {
      await this._loadLaunches();
      this._available = true;
    } catch (reason) {
      this._problem = toProblem(reason);
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
    return [...this._launches.values()].some(isInProgress);
  }

  private async _refreshLaunches(): Promise<void> {
    await this._loadLaunches();
    this._changed.emit();
  }

  private async _loadLaunches(): Promise<void> {
    const asked = [...this._launches.keys()];
    const launches = await this._client.launches();
    const present = new Set(launches.map(launch => launch.id));
    launches.forEach(launch => this._accept(launch));
    asked.filter(id => !present.has(id)).forEach(id => this._lose(id));
  }

  private _onEvent(_: Event.IManager, event: Event.Emission): void {
    const { schema_id, ...data } = event;
    if (schema_id !== LAUNCH_SCHEMA) {
      return;
    }
    this._accept(data as unknown as ILaunch);
    if (this._watchers > 0) {
      void this._watchPoll.refresh();
    }
  }

  /** Take a launch in, unless what we know of it is newer. */
  private _accept(launch: ILaunch): void {
    if (this._isDisposed || !isNews(this._launches.get(launch.id), launch)) {
      return;
    }
    this._launches.set(launch.id, launch);
    this._launchChanged.emit(launch);
    this._changed.emit();
  }

  /** The server no longer knows a launch: it was restarted, or forgot an ended one. */
  private _lose(id: string): void {
    const launch = this._launches.get(id);
    if (!launch) {
      return;
    }
    this._launches.delete(id);
    if (isFinal(launch.phase)) {
      return;
    }
    const at = new Date().toISOString();
    this._launchChanged.emit({
      ...launch,
      phase: 'failed',
      phases: [...launch.phases, { phase: 'failed', at }],
      error: {
        code: 'launch_lost',
        message: this._trans.__('Jupyter Server no longer knows this launch.'),
        hint: this._trans.__(
          'It was probably restarted. Start the environment again.'
        )
      }
    });
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
  private _launches = new Map<string, ILaunch>();
  private _problem: IProblem | null = null;
  private _progressPoll: Poll<void, unknown>;
  private _status: IStatus | null = null;
  private _trans: TranslationBundle;
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

/** Milliseconds since the epoch. */
function began(launch: ILaunch): number {
  return Date.parse(launch.phases[0]?.at ?? '') || 0;
}
