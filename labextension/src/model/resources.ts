// What the server tells of engine, GPUs, images and environments, each loaded by itself.
import { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';
import { GpuContainersClient } from '../client/client';
import {
  IEnvironment,
  IGpuLoads,
  IGpus,
  IImage,
  IProblem,
  IStatus
} from '../client/wire';
import { Resource } from '../tokens';
import { withLoads } from './gpuLoads';
import { Reloader } from './reloader';

/** Milliseconds between two questions while somebody looks; every other one is for the GPUs. */
const WATCH_INTERVAL = 5000;

/** The resources; those that nobody looks at are only remembered to be outdated. */
export class Resources implements IDisposable {
  constructor(options: Resources.IOptions) {
    const { client, launches, mayAsk } = options;
    this._reloaders = {
      status: new Reloader(async () => {
        const status = await client.status();
        return () => {
          this.status = status;
        };
      }, mayAsk),
      gpus: new Reloader(async () => {
        const gpus = await client.gpus();
        return () => {
          this.gpus = gpus;
        };
      }, mayAsk),
      images: new Reloader(async () => {
        const images = await client.images();
        return () => {
          this.images = images;
        };
      }, mayAsk),
      environments: new Reloader(async () => {
        const environments = await client.environments();
        return () => {
          this.environments = environments;
        };
      }, mayAsk),
      launches
    };
    this._poll = new Poll({
      name: 'jupyter-gpu-containers:watch',
      auto: false,
      factory: () => this._askForOne(),
      frequency: { interval: WATCH_INTERVAL, backoff: false },
      standby: () => !mayAsk()
    });
    for (const reloader of Object.values(this._reloaders)) {
      reloader.loaded.connect(() => this._changed.emit(), this);
    }
  }

  status: IStatus | null = null;
  gpus: IGpus | null = null;
  images: IImage[] | null = null;
  environments: IEnvironment[] | null = null;

  /** Emitted when one was loaded, or could not be, because it was outdated. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Why some could not be loaded. */
  get problems(): Partial<Record<Resource, IProblem>> {
    const problems: Partial<Record<Resource, IProblem>> = {};
    for (const name of RESOURCES) {
      const { problem } = this._reloaders[name];
      if (problem) {
        problems[name] = problem;
      }
    }
    return problems;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    this._poll.dispose();
    Object.values(this._reloaders).forEach(reloader => reloader.dispose());
    Signal.clearData(this);
  }

  /** Begin to ask for one after the other while somebody looks. */
  start(): void {
    void this._poll.start();
  }

  /** Load some of them now; never rejects. */
  async load(...names: Resource[]): Promise<void> {
    await Promise.all(names.map(name => this._reloaders[name].load()));
  }

  /** One has changed: it is loaded soon, if somebody looks. */
  outdated(...names: Resource[]): void {
    names.forEach(name => this._reloaders[name].outdated());
  }

  /** Put loads into the place of those that are known. */
  takeLoads(loads: IGpuLoads): void {
    const gpus = this.gpus && withLoads(this.gpus, loads);
    if (gpus !== this.gpus) {
      this.gpus = gpus;
      this._changed.emit();
    }
  }

  /** The GPUs every other time, whose load is then told of, and the others in turn. */
  private _askForOne(): Promise<void> {
    const others = RESOURCES.filter(name => name !== 'gpus');
    const turn = others[((this._tick - 1) / 2) % others.length];
    this.outdated(this._tick % 2 === 0 ? 'gpus' : turn);
    this._tick += 1;
    return Promise.resolve();
  }

  private _changed = new Signal<this, void>(this);
  private _isDisposed = false;
  private _poll: Poll<void, unknown>;
  private _reloaders: Record<Resource, Reloader>;
  private _tick = 0;
}

/** All of them. */
export const RESOURCES: readonly Resource[] = [
  'status',
  'gpus',
  'images',
  'environments',
  'launches'
];

/** Options of the resources. */
export namespace Resources {
  /** What they are made of. */
  export interface IOptions {
    client: GpuContainersClient;
    /** Loads the launches. */
    launches: Reloader;
    /** Whether somebody looks. */
    mayAsk: () => boolean;
  }
}
