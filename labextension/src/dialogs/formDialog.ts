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
    this.addClass('jp-GpuContainers-formDialog');
  }

  override resolve(index?: number): void {
    this.node.dispatchEvent(new Event('input')); // has the fields checked
    super.resolve(index);
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._focus = keepFocus(this.node);
    // JupyterLab gives the first focus when the body is rendered and the page at rest: a key that is
    // pressed before is not for the notebook below
    if (!this.node.contains(document.activeElement)) {
      this._content.tabIndex = -1;
      this._content.focus();
    }
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
    if (event.key === 'Enter' && (isOfBody || target === this._content)) {
      return; // of a button, or of somebody who cannot have seen yet what is asked
    }
    super._evtKeydown(event);
  }

  private get _content(): HTMLElement {
    return this.node.querySelector<HTMLElement>('.jp-Dialog-content')!;
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
