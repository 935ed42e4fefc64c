// A dialog whose body has buttons and text fields of its own, which keep the Enter key.
import { Dialog } from '@jupyterlab/apputils';
import { IDisposable } from '@lumino/disposable';
import { Message } from '@lumino/messaging';
import { keepFocus } from './keepFocus';

/**
 * JupyterLab's dialog, for a form.
 *
 * Enter on a button or a search field of the body is not for the dialog. What must be filled in
 * must be so even where nothing was typed, after which alone JupyterLab looks. The keyboard stays in
 * it, whatever its body replaces.
 */
export class FormDialog<T> extends Dialog<T> {
  constructor(options: Partial<Dialog.IOptions<T>> = {}) {
    super({
      ...options,
      focusNodeSelector: keptFocus(options.focusNodeSelector)
    });
  }

  override resolve(index?: number): void {
    this.node.dispatchEvent(new Event('input')); // has the fields checked
    super.resolve(index);
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._focus = keepFocus(this.node);
  }

  protected override onAfterDetach(msg: Message): void {
    this._focus?.dispose();
    super.onAfterDetach(msg);
  }

  protected override _evtInput(event: InputEvent): void {
    super._evtInput(event);
    // what is written into the fields after the event counts, too (React, password managers)
    requestAnimationFrame(() => super._evtInput(event));
  }

  protected override _evtKeydown(event: KeyboardEvent): void {
    const { target } = event;
    const isOfBody =
      target instanceof Element &&
      target.closest('.jp-Dialog-body') !== null &&
      target.matches('button, summary, a, [data-keeps-enter]');
    if (event.key === 'Enter' && isOfBody) {
      return;
    }
    super._evtKeydown(event);
  }

  private _focus: IDisposable | null = null;
}

/**
 * The selector of what JupyterLab gives the focus to once the body is there, which is a while after
 * the body can be used: where the keyboard is in the body by then, it stays.
 */
function keptFocus(first: string | undefined): string {
  return first
    ? `:focus, .jp-Dialog-body:not(:focus-within) ${first}`
    : ':focus';
}
