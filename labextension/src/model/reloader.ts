// Asks for one thing again and again, but not too often, and only while somebody wants to know.
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';
import { toProblem } from '../client/requests';
import { IProblem } from '../client/wire';

/** Milliseconds between two requests for the same, however often it is said to have changed. */
const PAUSE = 2000;

/** Loads one thing. */
export class Reloader implements IDisposable {
  /**
   * @param _fetch - asks the server; resolves with what takes the answer in, which is not done where
   * a later answer was there earlier
   * @param _mayAsk - whether somebody wants to know; otherwise `outdated` is only remembered
   */
  constructor(
    private readonly _fetch: () => Promise<() => void>,
    private readonly _mayAsk: () => boolean
  ) {}

  /** Emitted when it was loaded, or could not be, because it was said to be outdated. */
  get loaded(): ISignal<this, void> {
    return this._loaded;
  }

  /** Why it could not be loaded the last time, or null. */
  get problem(): IProblem | null {
    return this._problem;
  }

  /** Whether it is known to have changed since it was asked for. */
  get isOutdated(): boolean {
    return this._isOutdated;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._timer);
    Signal.clearData(this);
  }

  /** Load it now; never rejects, a failure is the `problem`. */
  async load(): Promise<void> {
    const number = ++this._asked;
    this._isOutdated = false;
    this._lastAsked = Date.now();
    this._underWay += 1;
    try {
      const accept = await this._fetch();
      if (!this._isDisposed && number > this._answered) {
        this._answered = number;
        this._problem = null;
        accept();
      }
    } catch (reason) {
      if (number > this._answered) {
        this._answered = number;
        this._problem = toProblem(reason);
      }
    } finally {
      this._underWay -= 1;
    }
    this._catchUp();
  }

  /** It has changed: load it at once or, if that was done just now, in a moment. */
  outdated(): void {
    this._isOutdated = true;
    this._catchUp();
  }

  private _catchUp(): void {
    const isDue = this._isOutdated && this._underWay === 0;
    if (!isDue || this._timer !== undefined || this._isDisposed) {
      return;
    }
    const wait = this._lastAsked + PAUSE - Date.now();
    if (wait <= 0) {
      void this._reload();
      return;
    }
    this._timer = setTimeout(() => {
      this._timer = undefined;
      void this._reload();
    }, wait);
  }

  private async _reload(): Promise<void> {
    if (this._isOutdated && this._underWay === 0 && this._mayAsk()) {
      await this.load();
      this._loaded.emit();
    }
  }

  private _answered = 0;
  private _asked = 0;
  private _isDisposed = false;
  private _isOutdated = false;
  private _lastAsked = -Infinity;
  private _loaded = new Signal<this, void>(this);
  private _problem: IProblem | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _underWay = 0;
}
