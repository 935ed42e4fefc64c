// The state of GPUs, images and launches: asked for by REST, kept fresh by Jupyter's events.
import { Event } from '@jupyterlab/services';
import { TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { DisposableDelegate, IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';
import { GpuContainersClient } from '../client/client';
import { handleEvent } from '../client/events';
import { LaunchKeeper } from './launchKeeper';
import { RESOURCES, Resources } from './resources';
import { isMissingServer } from '../client/requests';
import { IVisibility, PageVisibility } from './visibility';
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

/** See {@link IGpuContainersModel}. */
export class GpuContainersModel implements IGpuContainersModel {
  constructor(options: GpuContainersModel.IOptions) {
    const { client, events, trans } = options;
    this._client = client;
    this._events = events;
    this._visibility = options.visibility ?? new PageVisibility();
    const mayAsk = () => this._watchers > 0 && !this._visibility.isHidden;
    this._launches = new LaunchKeeper({
      client,
      hasEvents: events !== undefined,
      mayAsk,
      trans: trans ?? nullTranslator.load(DOMAIN),
      visibility: this._visibility
    });
    this._launches.changed.connect(this._onLaunch, this);
    this._launches.refreshed.connect(() => this._changed.emit(), this);
    const launches = this._launches.reloader;
    this._resources = new Resources({ client, launches, mayAsk });
    this._resources.changed.connect(() => this._changed.emit(), this);
    this._events?.stream.connect(this._onEvent, this);
    this._visibility.returned.connect(this._onReturned, this);
    this.ready = this._start();
  }

  readonly ready: Promise<void>;

  get available(): boolean | null {
    return this._available;
  }

  get problem(): IProblem | null {
    return Object.values(this.problems)[0] ?? null;
  }

  get problems(): Readonly<Partial<Record<Resource, IProblem>>> {
    return this._resources.problems;
  }

  get status(): IStatus | null {
    return this._resources.status;
  }

  get gpus(): IGpus | null {
    return this._resources.gpus;
  }

  get images(): readonly IImage[] | null {
    return this._resources.images;
  }

  get environments(): readonly IEnvironment[] | null {
    return this._resources.environments;
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
    this._visibility.dispose();
    this._resources.dispose();
    this._launches.dispose();
    Signal.clearData(this);
  }

  async refresh(): Promise<void> {
    await this._resources.load(...RESOURCES);
    this._changed.emit();
  }

  outdated(resource: Resource): void {
    this._resources.outdated(resource);
  }

  watch(): IDisposable {
    this._watchers += 1;
    this._resources.outdated(...RESOURCES);
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

  async loadGpus(): Promise<void> {
    if (!this.gpus) {
      await this._resources.load('gpus');
      this._changed.emit();
    }
  }

  changes(id: string): Promise<IChanges> {
    return this._client.changes(id);
  }

  async details(reference: string): Promise<IImageDetails> {
    const details = await this._client.image(reference);
    this._known.set(reference, details);
    this._resources.images =
      this._resources.images?.map(image =>
        image.id === details.id
          ? { ...image, ...details, size: image.size }
          : image
      ) ?? null;
    this._changed.emit();
    return details;
  }

  known(reference: string): IImageDetails | null {
    return this._known.get(reference) ?? null;
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

  launch(request: INewLaunch): Promise<ILaunch> {
    return this._launches.launch(request);
  }

  cancel(id: string): Promise<void> {
    return this._launches.cancel(id);
  }

  startOnCpu(id: string): Promise<ILaunch> {
    return this._launches.startOnCpu(id);
  }

  keepAlive(id: string): Promise<ILaunch> {
    return this._launches.keepAlive(id);
  }

  async giveUpSpares(): Promise<void> {
    await this._client.giveUpSpares();
    await this._resources.load('status');
  }

  settled(id: string): Promise<ILaunch> {
    return this._launches.settled(id);
  }

  /** Find out whether the server half is there, and what it is starting. */
  private async _start(): Promise<void> {
    await this._resources.load('launches');
    const problem = this._resources.problems.launches;
    this._available = !problem || !isMissingServer(problem);
    if (!this._isDisposed && this._available) {
      this._resources.start();
      this._launches.start();
    }
    this._changed.emit();
  }

  private async _refreshImages(): Promise<void> {
    await this._resources.load('images');
    this._changed.emit();
  }

  private _onEvent(_: Event.IManager, event: Event.Emission): void {
    handleEvent(event, {
      heard: () => this._launches.heard(),
      launch: launch => this._launches.accept(launch),
      gpuLoad: loads => this._resources.takeLoads(loads),
      changed: resource => {
        if (resource !== 'registries') {
          this._resources.outdated(resource);
        }
      }
    });
  }

  /** The page can be seen again, and much may have happened. */
  private _onReturned(): void {
    if (!this._available) {
      return;
    }
    if (this._watchers > 0) {
      this._resources.outdated(...RESOURCES);
    } else {
      void this._launches.refresh();
    }
  }

  private _onLaunch(_: unknown, launch: ILaunch): void {
    this._launchChanged.emit(launch);
    this._changed.emit();
  }

  private _available: boolean | null = null;
  private _changed = new Signal<this, void>(this);
  private _client: GpuContainersClient;
  private _events: Event.IManager | undefined;
  private _isDisposed = false;
  private _known = new Map<string, IImageDetails>();
  private _launchChanged = new Signal<this, ILaunch>(this);
  private _launches: LaunchKeeper;
  private _limits: ILimits | null = null;
  private _resources: Resources;
  private _visibility: IVisibility;
  private _watchers = 0;
}

/** Options of the model. */
export namespace GpuContainersModel {
  /** What the model is made of. */
  export interface IOptions {
    client: GpuContainersClient;
    /** Jupyter's event bus; without it, launches are polled. */
    events?: Event.IManager;
    /** Whether the page can be seen; by default that of the browser. */
    visibility?: IVisibility;
    trans?: TranslationBundle;
  }
}
