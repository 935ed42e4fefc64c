// JupyterLab's helpers for dialogs in tests, with the patience that a busy machine needs.
import * as testing from '@jupyterlab/testing';

/** Milliseconds; JupyterLab's own default, a quarter of a second, is not always enough. */
const PATIENCE = 8000;

/** Wait until there is a dialog. */
export async function waitForDialog(): Promise<void> {
  await testing.waitForDialog(document.body, PATIENCE);
}

/** Accept the dialog that there is, or will be. */
export async function acceptDialog(): Promise<void> {
  await testing.acceptDialog(document.body, PATIENCE);
}

/** Press the warning button of the dialog that there is, or will be. */
export async function dangerDialog(): Promise<void> {
  await testing.dangerDialog(document.body, PATIENCE);
}

/** Dismiss the dialog that there is, or will be. */
export async function dismissDialog(): Promise<void> {
  await testing.waitForDialog(document.body, PATIENCE);
  await testing.dismissDialog();
}
