// A kernel's log: followed, bounded, and with the words for how it ended.
import { Throttler } from '@lumino/polling';
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';
import { ILogOptions } from '../client/client';
import { toProblem } from '../client/requests';
import { ILaunch, IProblem } from '../client/wire';
import { LogText } from './logText';

/** Lines that are asked for at first. */
const TAIL = 2000;
/** Milliseconds between two changes that are told, however fast a container writes. */
const PACE = 150;

/**
 * What becomes of a log: `waiting` for the first answer, `following`, `paused` by the reader,
 * `ended` with the container's run, or `failed`.
 */
export type LogState = 'waiting' | 'following' | 'paused' | 'ended' | 'failed';

/** Reads the log of a launch. */
export class LogModel implements IDisposable {
  constructor(private readonly _options: LogModel.IOptions) {
    this._told = new Throttler(() => this._changed.emit(), PACE);
    _options.launchChanged.connect(this._onLaunch, this);
    this.follow();
  }

  /** Emitted after any change, at most several times a second. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get state(): LogState {
    return this._state;
  }

  /** Why it failed, or null. */
  get problem(): IProblem | null {
    return this._problem;
  }

  get lines(): readonly string[] {
    return this._text.lines;
  }

  /** Lines that are not kept any more. */
  get dropped(): number {
    return this._text.dropped;
  }

  get launch(): ILaunch | undefined {
    return this._options.launch();
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._reading?.abort();
    this._told.dispose();
    this._options.launchChanged.disconnect(this._onLaunch, this);
    Signal.clearData(this);
  }

  /** Read it anew, and go on reading. */
  follow(): void {
    this._reading?.abort();
    const reading = new AbortController();
    this._reading = reading;
    this._problem = null;
    this._text.clear();
    this._enter('waiting');
    void this._read(reading);
  }

  /** Read no more for now; what was read stays. */
  pause(): void {
    if (this._state === 'waiting' || this._state === 'following') {
      this._reading?.abort();
      this._enter('paused');
    }
  }

  private async _read(reading: AbortController): Promise<void> {
    const { signal } = reading;
    try {
      const parts = this._options.read({ tail: TAIL, follow: true, signal });
      for await (const part of parts) {
        if (signal.aborted) {
          return;
        }
        this._text.add(part);
        this._state = 'following';
        // rejected only where it is disposed of meanwhile
        this._told.invoke().catch(() => undefined);
      }
      if (!signal.aborted) {
        this._enter('ended');
      }
    } catch (reason) {
      if (!signal.aborted) {
        this._problem = toProblem(reason);
        this._enter('failed');
      }
    }
  }

  /** What is said of an end may be another thing now. */
  private _onLaunch(_: unknown, launch: ILaunch): void {
    if (launch.id === this._options.id && this._state === 'ended') {
      this._changed.emit();
    }
  }

  private _enter(state: LogState): void {
    this._state = state;
    this._changed.emit();
  }

  private _changed = new Signal<this, void>(this);
  private _isDisposed = false;
  private _problem: IProblem | null = null;
  private _reading: AbortController | null = null;
  private _state: LogState = 'waiting';
  private readonly _text = new LogText();
  private readonly _told: Throttler;
}

/** Options of the model. */
export namespace LogModel {
  /** What the model is made of. */
  export interface IOptions {
    /** Ask for the log. */
    read: (options: ILogOptions) => AsyncIterable<string>;
    /** Id of the launch. */
    id: string;
    /** The launch as it is now; undefined where it is not known any more. */
    launch: () => ILaunch | undefined;
    /** Tells of changes of launches. */
    launchChanged: ISignal<unknown, ILaunch>;
  }
}
