// The launches that are known, from answers and events in any order.
import { TranslationBundle } from '@jupyterlab/translation';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';
import { isFinal, isInProgress, isNews } from './launches';
import { ILaunch } from '../client/wire';

/** Remembers launches; never goes back behind what is known of one. */
export class LaunchStore implements IDisposable {
  constructor(private readonly _trans: TranslationBundle) {}

  /** Emitted when a launch is new, entered another phase, or got lost. */
  get changed(): ISignal<this, ILaunch> {
    return this._changed;
  }

  /** Newest first. */
  get all(): ILaunch[] {
    return [...this._launches.values()].sort((a, b) => began(b) - began(a));
  }

  /** One launch, or undefined where it is not known. */
  get(id: string): ILaunch | undefined {
    return this._launches.get(id);
  }

  /** What is known at this moment, by id. */
  get known(): ReadonlyMap<string, ILaunch> {
    return new Map(this._launches);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  /** Take a launch in, unless what is known of it is newer; returns whether it was news. */
  accept(launch: ILaunch): boolean {
    if (this._isDisposed || !isNews(this._launches.get(launch.id), launch)) {
      return false;
    }
    this._launches.set(launch.id, launch);
    this._changed.emit(launch);
    return true;
  }

  /**
   * Take the server's list in.
   *
   * @param asked - what was known when the server was asked; what it left out of that is lost
   * @returns whether there was news in it
   */
  acceptAll(
    launches: readonly ILaunch[],
    asked: ReadonlyMap<string, ILaunch>
  ): boolean {
    const present = new Set(launches.map(({ id }) => id));
    let hasNews = false;
    for (const launch of launches) {
      // what came while the list was on its way is newer, unless the list has got to another phase
      const now = this._launches.get(launch.id);
      const overtaken = now !== undefined && now !== asked.get(launch.id);
      if (!overtaken || launch.phases.length > now.phases.length) {
        hasNews = this.accept(launch) || hasNews;
      }
    }
    const lost = [...asked.keys()].filter(id => !present.has(id));
    lost.forEach(id => this._lose(id));
    return hasNews || lost.length > 0;
  }

  /** Resolves with the launch once it is running, failed or cancelled. */
  settled(id: string): Promise<ILaunch> {
    const now = this._launches.get(id);
    if (now && !isInProgress(now)) {
      return Promise.resolve(now);
    }
    return new Promise(resolve => {
      const onChanged = (_: unknown, launch: ILaunch) => {
        if (launch.id === id && !isInProgress(launch)) {
          this._changed.disconnect(onChanged, this);
          resolve(launch);
        }
      };
      this._changed.connect(onChanged, this);
    });
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
    this._changed.emit({
      ...launch,
      phase: 'failed',
      phases: [...launch.phases, { phase: 'failed', at }],
      queue: null,
      pull: null,
      idle: null,
      error: {
        code: 'launch_lost',
        message: this._trans.__('Jupyter Server no longer knows this launch.'),
        hint: this._trans.__(
          'It was probably restarted. Start the environment again.'
        )
      }
    });
  }

  private _changed = new Signal<this, ILaunch>(this);
  private _isDisposed = false;
  private _launches = new Map<string, ILaunch>();
}

/** Milliseconds since the epoch. */
function began(launch: ILaunch): number {
  return Date.parse(launch.phases[0]?.at ?? '') || 0;
}
