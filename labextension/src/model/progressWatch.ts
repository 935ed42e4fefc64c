// Asks how things get on when events do not tell: nobody can know whether a socket still works that
// says nothing, but what must be told of and is not, gives it away.
import { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { IVisibility } from './visibility';

/** Milliseconds between two questions, at least. */
const SHORTEST = 2000;
/** Milliseconds between two questions while the answers bring no news, at most. */
const LONGEST = 15000;
/** Milliseconds within which an event tells of what was asked for. */
const PATIENCE = 3000;

/** Keeps an eye on what is in progress; while the page is hidden, it is closed. */
export class ProgressWatch implements IDisposable {
  constructor(options: ProgressWatch.IOptions) {
    this._options = options;
    this._isDeaf = !options.hasEvents;
    this._poll = new Poll({
      name: options.name,
      auto: false,
      factory: () => this._ask(),
      frequency: { interval: SHORTEST, backoff: true, max: LONGEST },
      standby: () => !this._isDue()
    });
  }

  /** Whether events seem not to arrive. */
  get isDeaf(): boolean {
    return this._isDeaf;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  dispose(): void {
    this._poll.dispose();
  }

  /** Begin. */
  start(): void {
    this._heardAt = Date.now();
    void this._poll.start();
  }

  /** An event came. */
  heard(): void {
    this._eventsHeard += 1;
    this._heardAt = Date.now();
    this._expectedAt = null;
    this._isDeaf = false;
    this._pause = SHORTEST;
  }

  /** How many events came. */
  get eventsHeard(): number {
    return this._eventsHeard;
  }

  /** Something was done of which an event tells soon, if it has not since there were so many. */
  expectMoreThan(eventsHeard: number): void {
    if (this._eventsHeard === eventsHeard) {
      this._expectedAt ??= Date.now();
    }
  }

  private _isDue(): boolean {
    const { isInProgress, visibility } = this._options;
    if (visibility.isHidden || !isInProgress()) {
      this._expectedAt = null;
      return false;
    }
    const now = Date.now();
    if (this._expectedAt !== null && now - this._expectedAt >= PATIENCE) {
      this._isDeaf = true;
    }
    return this._isDeaf
      ? now - this._askedAt >= this._pause
      : now - Math.max(this._askedAt, this._heardAt) >= LONGEST;
  }

  private async _ask(): Promise<void> {
    this._askedAt = Date.now();
    const hasNews = await this._options.ask();
    if (hasNews) {
      // no event has told of it; one that is only late will mend this
      this._isDeaf = true;
    }
    this._pause = hasNews ? SHORTEST : Math.min(this._pause * 1.5, LONGEST);
  }

  private _askedAt = -Infinity;
  private _eventsHeard = 0;
  private _expectedAt: number | null = null;
  private _heardAt = -Infinity;
  private _isDeaf: boolean;
  private _options: ProgressWatch.IOptions;
  private _pause = SHORTEST;
  private _poll: Poll<void, unknown>;
}

/** Options of the watch. */
export namespace ProgressWatch {
  /** What it watches. */
  export interface IOptions {
    /** For debugging. */
    name: string;
    /** Asks the server; resolves with whether the answer told something new. */
    ask: () => Promise<boolean>;
    isInProgress: () => boolean;
    /** Whether there is an event bus at all. */
    hasEvents: boolean;
    visibility: IVisibility;
  }
}
