// The dialog that asks for a login until the registry accepts it.
import { Dialog, Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { inFull } from '../notices/inFull';
import { FormDialog } from './formDialog';
import { RequestError, toProblem } from '../client/requests';
import { IRegistriesModel } from '../tokens';
import { IProblem } from '../client/wire';
import { ILoginInput, LoginForm } from '../forms/loginForm';

/** Types of the dialog. */
export namespace askForLogin {
  /** What the dialog starts from. */
  export interface IOptions {
    registries: IRegistriesModel;
    trans: TranslationBundle;
    /** The registry; without it, it is asked for, too. */
    host?: string;
    username?: string;
    /** Why a login is needed. */
    problem?: IProblem;
  }
}

/**
 * Ask for a login until the registry accepts it, or nobody wants any more.
 *
 * @returns whether the user is logged in now
 */
export async function askForLogin(
  options: askForLogin.IOptions
): Promise<boolean> {
  const { registries, trans, host } = options;
  let input: ILoginInput = {
    host: host ?? '',
    username: options.username ?? '',
    secret: ''
  };
  let problem = options.problem;
  for (;;) {
    const body = new LoginForm({
      trans,
      input,
      problem,
      isFixed: Boolean(host)
    });
    const { button, value } = await new FormDialog<ILoginInput>({
      title: host
        ? trans.__('Log in to %1', host)
        : trans.__('Log in to a registry'),
      body,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: trans.__('Log In') })
      ],
      // what was typed before stays, but for the secret
      focusNodeSelector: input.username ? 'input[type=password]' : 'input'
    }).launch();
    if (!button.accept || !value) {
      return false;
    }
    input = { ...value, secret: '' };
    try {
      const { host, secret, username } = value;
      const login = await registries.login(host, secret, username || undefined);
      const message = trans.__(
        'Logged in to %1. Kept in %2.',
        login.host,
        login.kept_in
      );
      const actions = inFull(trans, message);
      Notification.success(message, { autoClose: 5000, actions });
      return true;
    } catch (reason) {
      if (!(reason instanceof RequestError)) {
        throw reason;
      }
      problem = toProblem(reason);
    }
  }
}
