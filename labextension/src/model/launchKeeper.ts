// The launches, and what is done with them: told by events, asked for where events fail to tell.
import { TranslationBundle } from '@jupyterlab/translation';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';
import { GpuContainersClient } from '../client/client';
import { LaunchStore } from './launchStore';
import { isInProgress } from './launches';
import { ProgressWatch } from './progressWatch';
import { Reloader } from './reloader';
import { RequestError } from '../client/requests';
import { IVisibility } from './visibility';
import { ILaunch, INewLaunch } from '../client/wire';

/** Keeps what is known of launches. */
export class LaunchKeeper implements IDisposable {
  constructor(options: LaunchKeeper.IOptions) {
    const { client, hasEvents, mayAsk, trans, visibility } = options;
    this._client = client;
    this._store = new LaunchStore(trans);
    this.reloader = new Reloader(() => this._load(), mayAsk);
    this._progress = new ProgressWatch({
      name: 'jupyter-gpu-containers:progress',
      ask: () => this.refresh(),
      isInProgress: () => this.all.some(isInProgress),
      hasEvents,
      visibility
    });
  }

  /** Loads them all. */
  readonly reloader: Reloader;

  /** Emitted when a launch is new, entered another phase, or got lost. */
  get changed(): ISignal<LaunchStore, ILaunch> {
    return this._store.changed;
  }

  /** Emitted when all were asked for, whatever the answer was. */
  get refreshed(): ISignal<this, void> {
    return this._refreshed;
  }

  /** Newest first. */
  get all(): ILaunch[] {
    return this._store.all;
  }

  get isDisposed(): boolean {
    return this._store.isDisposed;
  }

  dispose(): void {
    this._progress.dispose();
    this.reloader.dispose();
    this._store.dispose();
    Signal.clearData(this);
  }

  /** Begin to look after what is in progress. */
  start(): void {
    this._progress.start();
  }

  /** An event of ours came, of whichever kind. */
  heard(): void {
    this._progress.heard();
  }

  /** Take in what an event tells. */
  accept(launch: ILaunch): void {
    this._store.accept(launch);
  }

  /** Ask for all; resolves with whether there was news in the answer, and never rejects. */
  async refresh(): Promise<boolean> {
    this._hasNews = false;
    await this.reloader.load();
    this._refreshed.emit();
    return this._hasNews;
  }

  /** See {@link IGpuContainersModel.launch}. */
  async launch(request: INewLaunch): Promise<ILaunch> {
    const before = this._progress.eventsHeard;
    const launch = await this._client.launch(request);
    this._store.accept(launch);
    this._progress.expectMoreThan(before);
    // an event may have been faster than the answer
    return this._store.get(launch.id) ?? launch;
  }

  /** See {@link IGpuContainersModel.cancel}. */
  async cancel(id: string): Promise<void> {
    try {
      await this._client.cancel(id);
    } catch (reason) {
      if (!(reason instanceof RequestError && reason.status === 404)) {
        throw reason;
      }
    }
    await this.refresh();
  }

  /** See {@link IGpuContainersModel.startOnCpu}. */
  async startOnCpu(id: string): Promise<ILaunch> {
    const launch = await this._client.startOnCpu(id);
    this._store.accept(launch);
    return launch;
  }

  /** See {@link IGpuContainersModel.keepAlive}. */
  async keepAlive(id: string): Promise<ILaunch> {
    try {
      const launch = await this._client.keepAlive(id);
      this._store.accept(launch);
      return launch;
    } catch (reason) {
      // mostly it has ended meanwhile, and what is shown of it is out of date
      await this.refresh();
      throw reason;
    }
  }

  /** See {@link IGpuContainersModel.settled}. */
  settled(id: string): Promise<ILaunch> {
    return this._store.settled(id);
  }

  private async _load(): Promise<() => void> {
    const asked = this._store.known;
    const launches = await this._client.launches();
    return () => {
      this._hasNews = this._store.acceptAll(launches, asked);
    };
  }

  private _client: GpuContainersClient;
  private _hasNews = false;
  private _progress: ProgressWatch;
  private _refreshed = new Signal<this, void>(this);
  private _store: LaunchStore;
}

/** Options of the keeper. */
export namespace LaunchKeeper {
  /** What it is made of. */
  export interface IOptions {
    client: GpuContainersClient;
    hasEvents: boolean;
    /** Whether somebody looks. */
    mayAsk: () => boolean;
    trans: TranslationBundle;
    visibility: IVisibility;
  }
}
