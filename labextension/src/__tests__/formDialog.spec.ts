// A dialog with a form: where the keyboard is when JupyterLab comes to give it its first place.
import { Dialog } from '@jupyterlab/apputils';
import { ReactWidget } from '@jupyterlab/ui-components';
import { PromiseDelegate } from '@lumino/coreutils';
import { Message } from '@lumino/messaging';
import * as React from 'react';
import { FormDialog } from '../dialogs/formDialog';
import { settled } from './screen';

/** A search field and a button; it says itself when it was rendered. */
class Body extends ReactWidget {
  readonly rendered = new PromiseDelegate<void>();

  protected render(): React.JSX.Element {
    return React.createElement(
      'p',
      null,
      React.createElement('input', { id: 'field', type: 'search' }),
      React.createElement('button', { id: 'row' })
    );
  }

  protected override onUpdateRequest(msg: Message): void {
    super.onUpdateRequest(msg);
    this.renderPromise = this.rendered.promise;
  }
}

let close: () => Promise<unknown>;

async function opened(focusNodeSelector?: string) {
  const body = new Body();
  const dialog = new FormDialog<void>({
    body,
    focusNodeSelector,
    buttons: [Dialog.okButton()]
  });
  const closed = dialog.launch();
  close = () => {
    dialog.reject();
    return closed;
  };
  await settled();
  return { body, dialog };
}

afterEach(() => close());

it.each([
  ['the field that is named', 'input', 'INPUT'],
  ['the first button of the dialog', undefined, 'BUTTON']
])('begins at %s', async (_, selector, tag) => {
  const { body } = await opened(selector);
  body.rendered.resolve();
  await settled();
  expect(document.activeElement!.tagName).toBe(tag);
  expect(document.activeElement!.id).toBe(selector ? 'field' : '');
});

it.each(['input', undefined])(
  'stays where the user has gone meanwhile (%s)',
  async selector => {
    const { body, dialog } = await opened(selector);
    const row = dialog.node.querySelector<HTMLElement>('#row')!;
    row.focus();
    body.rendered.resolve();
    await settled();
    expect(document.activeElement).toBe(row);
  }
);

it('hears Escape, but no Enter, before there is something to see', async () => {
  const button = document.createElement('button');
  document.body.append(button);
  button.focus();
  const { dialog } = await opened();
  const press = (key: string, keyCode: number) =>
    document.activeElement!.dispatchEvent(
      new KeyboardEvent('keydown', { bubbles: true, key, keyCode })
    );
  press('Enter', 13);
  await settled();
  expect(dialog.isAttached).toBe(true);
  press('Escape', 27);
  await settled();
  expect(dialog.isAttached).toBe(false);
  button.remove();
});
