// The dialogs of notebooks that remember another machine's environment.
import { Dialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import { RememberedForm } from '../forms/rememberedForm';
import { IRemembered } from '../model/remembered';
import { IGpuContainersModel } from '../tokens';
import { NotebookBanner } from '../widgets/banner';
import { FormDialog } from './formDialog';

/** Instead of what is offered, JupyterLab's own choice of kernels is asked for. */
const OTHER_KERNEL = 'other-kernel';

/**
 * Ask what the banner asks, in the place of JupyterLab's choice of a kernel.
 *
 * @returns whether JupyterLab need not ask any more
 */
export async function askInstead(
  commands: CommandRegistry,
  trans: TranslationBundle,
  content: NotebookBanner.IContent
): Promise<boolean> {
  const actions = content.actions.filter(
    ({ command }) => command !== CommandIDs.declineRemembered
  );
  const body = React.createElement(
    'div',
    { className: 'jp-GpuContainers-remembered' },
    React.createElement('p', null, content.text),
    content.hint && React.createElement('p', null, content.hint)
  );
  const { button } = await new Dialog<void>({
    title: trans.__('This notebook has no kernel'),
    body: ReactWidget.create(body),
    buttons: [
      Dialog.createButton({
        label: trans.__('Other Kernel…'),
        caption: trans.__('Choose a kernel outside of containers'),
        actions: [OTHER_KERNEL],
        accept: false
      }),
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      ...[...actions]
        .reverse()
        .map(({ label, command, isPrimary }, index) =>
          isPrimary
            ? Dialog.okButton({ label, actions: [String(index), command] })
            : Dialog.createButton({ label, actions: [String(index), command] })
        )
    ]
  }).launch();
  if (button.actions.includes(OTHER_KERNEL)) {
    return false;
  }
  const chosen = actions.find(({ label }) => label === button.label);
  if (button.accept && chosen) {
    await commands.execute(chosen.command, chosen.args);
  }
  return true;
}

/**
 * Ask whether an image that is not here is to be fetched; its registry is asked how large it is.
 *
 * @param isExact - whether nothing but the very image will do
 * @returns the reference to fetch, or null
 */
export async function askToFetch(
  model: IGpuContainersModel,
  trans: TranslationBundle,
  remembered: IRemembered,
  isExact: boolean
): Promise<string | null> {
  const body = new RememberedForm({ model, remembered, isExact, trans });
  const { button, value } = await new FormDialog<string | null>({
    title: trans.__('Get the image of this notebook?'),
    body,
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Get It and Start') })
    ]
  }).launch();
  return button.accept ? value : null;
}
