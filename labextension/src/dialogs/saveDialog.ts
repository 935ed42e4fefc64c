// The dialog that shows what has changed in a kernel's container, and asks for an image's name.
import { Dialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { FormDialog } from './formDialog';
import { SaveForm } from '../forms/saveForm';
import { IChanges } from '../client/wireImages';

/** Show the changes; returns the name of the image to be made, or null. */
export async function askForSave(
  trans: TranslationBundle,
  changes: IChanges
): Promise<string | null> {
  const risky = changes.credentials.length > 0;
  const label = risky ? trans.__('Save All the Same') : trans.__('Save');
  const dialog = new FormDialog<string>({
    title: trans.__('Save the kernel as an image'),
    body: new SaveForm(trans, changes),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      risky ? Dialog.warnButton({ label }) : Dialog.okButton({ label })
    ],
    focusNodeSelector: 'input'
  });
  dialog.addClass('jp-GpuContainers-tallDialog');
  const { button, value } = await dialog.launch();
  return (button.accept && value) || null;
}
