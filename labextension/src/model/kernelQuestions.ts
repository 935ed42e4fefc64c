// Questions that take the place of JupyterLab's choice of a kernel, for notebooks of which more is known.
import { ISessionContext } from '@jupyterlab/apputils';
import { DisposableDelegate, IDisposable } from '@lumino/disposable';
import { IKernelQuestions } from '../tokens';

/** See {@link IKernelQuestions}. */
export class KernelQuestions implements IKernelQuestions {
  set(context: ISessionContext, ask: IKernelQuestions.Ask): IDisposable {
    this._questions.set(context, ask);
    return new DisposableDelegate(() => {
      if (this._questions.get(context) === ask) {
        this._questions.delete(context);
      }
    });
  }

  async ask(context: ISessionContext): Promise<boolean> {
    const question = this._questions.get(context);
    return question ? question() : false;
  }

  private _questions = new WeakMap<ISessionContext, IKernelQuestions.Ask>();
}
