// The dialog that says what went wrong, and what can be done about it.
import { Dialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { IProblem } from '../client/wire';
import { Problem } from '../widgets/problem';

/** Types of the dialog. */
export namespace showProblem {
  /** What the dialog says and offers besides the problem. */
  export interface IOptions {
    /** What it means for the reader. */
    consequence?: string;
    /** Label of a button that does something about it. */
    remedy?: string;
    /** Whether the remedy destroys something. */
    isDangerous?: boolean;
    /** Whether nothing went wrong. */
    isFact?: boolean;
  }
}

/**
 * Say what went wrong.
 *
 * @returns whether the remedy was chosen
 */
export async function showProblem(
  trans: TranslationBundle,
  title: string,
  problem: IProblem,
  { consequence, remedy, isDangerous, isFact }: showProblem.IOptions = {}
): Promise<boolean> {
  const body = React.createElement(
    'div',
    { className: 'jp-GpuContainers-failure' },
    React.createElement(Problem, { problem, isFact }),
    consequence && React.createElement('p', null, consequence)
  );
  const close = Dialog.createButton({
    label: trans.__('Close'),
    accept: false
  });
  const makeButton = isDangerous ? Dialog.warnButton : Dialog.okButton;
  const { button } = await new Dialog<void>({
    title,
    body: ReactWidget.create(body),
    buttons: remedy ? [close, makeButton({ label: remedy })] : [close],
    defaultButton: remedy && !isDangerous ? 1 : 0
  }).launch();
  return button.accept;
}
