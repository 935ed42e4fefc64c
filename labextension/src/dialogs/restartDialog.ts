// JupyterLab's question before a restart, for kernels whose notebook is not open in this page.
import { Dialog, showDialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';

/** Whether a kernel is to be restarted. */
export async function confirmRestart(
  trans: TranslationBundle
): Promise<boolean> {
  const { button } = await showDialog({
    title: trans.__('Restart Kernel?'),
    body: trans.__(
      'Do you want to restart the kernel? All variables will be lost.'
    ),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.warnButton({ label: trans.__('Restart') })
    ]
  });
  return button.accept;
}
