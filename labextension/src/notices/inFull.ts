// JupyterLab cuts the messages of notifications off: what is longer can be read with one click.
import { Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { IProblem } from '../client/wire';

/** Characters that JupyterLab shows of a notification. */
export const ROOM = 140;

/** The action that shows a message in full, where that is needed. */
export function inFull(
  trans: TranslationBundle,
  message: string
): Notification.IAction[] {
  const fact = { code: '', message, hint: '' };
  return message.length > ROOM
    ? [details(trans, trans.__('Notification in full'), fact, true)]
    : [];
}

/** The action that shows a problem in full, or a fact; the notification stays. */
export function details(
  trans: TranslationBundle,
  title: string,
  problem: IProblem,
  isFact = false
): Notification.IAction {
  return {
    label: trans.__('Details'),
    callback: (event: MouseEvent) => {
      event.preventDefault();
      void import('../dialogs/problemDialog').then(({ showProblem }) =>
        showProblem(trans, title, problem, { isFact })
      );
    }
  };
}
