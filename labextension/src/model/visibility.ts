// Whether the page can be seen: nothing is asked for one that cannot.
import { IDisposable } from '@lumino/disposable';
import { ISignal, Signal } from '@lumino/signaling';

/** Whether the page can be seen. */
export interface IVisibility extends IDisposable {
  readonly isHidden: boolean;
  /** Emitted when a page that was hidden can be seen again. */
  readonly returned: ISignal<IVisibility, void>;
}

/** Of the page that this runs in: a tab in the background is hidden, and a minimised window. */
export class PageVisibility implements IVisibility {
  constructor() {
    document.addEventListener('visibilitychange', this);
  }

  get isHidden(): boolean {
    return document.hidden;
  }

  get returned(): ISignal<this, void> {
    return this._returned;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    document.removeEventListener('visibilitychange', this);
    Signal.clearData(this);
  }

  /** An `EventListener`. */
  handleEvent(): void {
    if (!document.hidden) {
      this._returned.emit();
    }
  }

  private _isDisposed = false;
  private _returned = new Signal<this, void>(this);
}
