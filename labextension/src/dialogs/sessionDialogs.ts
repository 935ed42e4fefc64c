// JupyterLab's own dialogs, where choosing an environment takes the same road as our dialog.
import { ISessionContext, SessionContextDialogs } from '@jupyterlab/apputils';
import { IKernelQuestions, IKernelSwitcher } from '../tokens';

type ChangeKernel = ISessionContext['changeKernel'];

/** JupyterLab's session dialogs; only what follows the choice of an environment is ours. */
export class GpuSessionContextDialogs extends SessionContextDialogs {
  constructor(
    private readonly _switcher: IKernelSwitcher | null,
    private readonly _questions: IKernelQuestions | null,
    options: ISessionContext.IDialogsOptions = {}
  ) {
    super(options);
  }

  override async selectKernel(sessionContext: ISessionContext): Promise<void> {
    if (!(await this._questions?.ask(sessionContext))) {
      await super.selectKernel(this._withSwitch(sessionContext));
    }
  }

  /** The same session context, whose `changeKernel` launches what is an environment. */
  private _withSwitch(context: ISessionContext): ISessionContext {
    const changeKernel: ChangeKernel = async (options = {}) => {
      const { name } = options;
      if (context.type !== 'notebook' || !name || !this._isOurs(name)) {
        return context.changeKernel(options);
      }
      await this._switcher!.start(context, { environment: name });
      return context.session?.kernel ?? null;
    };
    return new Proxy(context, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (key === 'changeKernel') {
          return changeKernel;
        }
        return typeof value === 'function'
          ? (value.bind(target) as unknown)
          : value;
      },
      set: (target, key, value) => Reflect.set(target, key, value, target)
    });
  }

  private _isOurs(kernelName: string): boolean {
    return Boolean(this._switcher?.environment(kernelName));
  }
}
