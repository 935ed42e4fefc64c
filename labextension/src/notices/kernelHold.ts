// Keeps JupyterLab from starting a kernel by itself for one notebook, and asks instead.
import { ISessionContext } from '@jupyterlab/apputils';
import { IDisposable } from '@lumino/disposable';
import { IKernelQuestions } from '../tokens';

/** While it holds, a cell that is run asks; nothing starts that only speaks the same language. */
export class KernelHold implements IDisposable {
  constructor(
    private readonly _context: ISessionContext,
    private readonly _questions: IKernelQuestions,
    private readonly _ask: IKernelQuestions.Ask
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  get isHeld(): boolean {
    return this._question !== null;
  }

  /** Hold a notebook that has no kernel. */
  hold(): void {
    if (this._isDisposed || this._context.session?.kernel || this._question) {
      return;
    }
    const { shouldStart, autoStartDefault } = this._context.kernelPreference;
    if (autoStartDefault) {
      // otherwise JupyterLab does not look at `shouldStart`
      this._before = { shouldStart, autoStartDefault };
      this._prefer({ shouldStart: false, autoStartDefault: false });
    } else {
      this._before = { shouldStart };
      this._prefer({ shouldStart: false });
    }
    this._question = this._questions.set(this._context, this._ask);
  }

  /** Let JupyterLab do again as before. */
  release(): void {
    if (this._question) {
      this._prefer(this._before);
      this._question.dispose();
      this._question = null;
    }
  }

  dispose(): void {
    this._isDisposed = true;
    this._question?.dispose();
    this._question = null;
  }

  private _prefer(preference: ISessionContext.IKernelPreference): void {
    this._context.kernelPreference = {
      ...this._context.kernelPreference,
      ...preference
    };
  }

  private _isDisposed = false;
  private _question: IDisposable | null = null;
  private _before: ISessionContext.IKernelPreference = {};
}
