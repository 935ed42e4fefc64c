// Which sections of the panel are open; remembered with the workspace.
import { ISignal, Signal } from '@lumino/signaling';
import { IDisposable } from '@lumino/disposable';

/** Where it is remembered; JupyterLab's state database is one. */
export interface ISectionsStore {
  fetch(id: string): Promise<unknown>;
  save(id: string, value: string[]): Promise<unknown>;
}

/** Key in the store. */
const KEY = 'jupyter-gpu-containers:closed-sections';

/** The sections that were closed; all others are open. */
export class SectionsModel implements IDisposable {
  constructor(private readonly _store: ISectionsStore | null = null) {}

  /** Emitted after any change. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  /** Remember what was closed before. What cannot be read is as if nothing was. */
  async restore(): Promise<void> {
    const closed = await this._store?.fetch(KEY);
    if (Array.isArray(closed) && !this._isDisposed) {
      this._closed = new Set(
        closed.filter((id): id is string => typeof id === 'string')
      );
      this._changed.emit();
    }
  }

  /** Whether a section is open. */
  isOpen(id: string): boolean {
    return !this._closed.has(id);
  }

  /** Open a section, or close it. */
  async toggle(id: string): Promise<void> {
    if (!this._closed.delete(id)) {
      this._closed.add(id);
    }
    this._changed.emit();
    await this._store?.save(KEY, [...this._closed].sort());
  }

  private _changed = new Signal<this, void>(this);
  private _closed = new Set<string>();
  private _isDisposed = false;
}
