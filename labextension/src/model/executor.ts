// Holds cells back while their notebook is being moved to another kernel, or has none yet.
import { ISessionContext } from '@jupyterlab/apputils';
import { ICodeCellModel } from '@jupyterlab/cells';
import { INotebookCellExecutor } from '@jupyterlab/notebook';
import { IKernelSwitcher } from '../tokens';

/** Milliseconds to wait for the kernel of a notebook that was just opened. */
const OPENING = 10000;

/**
 * Runs cells as JupyterLab does, but never on a kernel that is about to be replaced: a cell that is
 * run during a switch shows `[*]` and runs on the new kernel; if the switch fails, it does not run.
 * A cell that is run before a notebook has its first session waits for it; JupyterLab drops it.
 */
export class HoldingCellExecutor implements INotebookCellExecutor {
  constructor(
    private readonly _switcher: IKernelSwitcher | null,
    private readonly _runCell: INotebookCellExecutor['runCell']
  ) {}

  async runCell(
    options: INotebookCellExecutor.IRunCellOptions
  ): Promise<boolean> {
    const { cell, onCellExecuted } = options;
    if (cell.model.type === 'code' && !(await this._released(options))) {
      onCellExecuted({ cell, success: false });
      return false;
    }
    return this._runCell(options);
  }

  /** Wait for switches to end; returns whether the cell may run. */
  private async _released({
    cell,
    sessionContext
  }: INotebookCellExecutor.IRunCellOptions): Promise<boolean> {
    if (!this._switcher || !sessionContext) {
      return true;
    }
    let may = true;
    let pending = this._switcher.pending(sessionContext);
    const opening = !pending && isOpening(sessionContext);
    if (!pending && !opening) {
      return true;
    }
    const model = cell.model as ICodeCellModel;
    model.executionState = 'running';
    if (opening) {
      await opened(sessionContext);
      pending = this._switcher.pending(sessionContext);
    }
    while (pending) {
      may = await pending.done;
      pending = this._switcher.pending(sessionContext);
    }
    if (!may && !cell.isDisposed) {
      model.executionState = 'idle';
    }
    return may && !cell.isDisposed;
  }
}

/** Whether JupyterLab is about to give a notebook its first session. */
function isOpening(context: ISessionContext): boolean {
  const { canStart, shouldStart } = context.kernelPreference;
  return !context.isReady && canStart !== false && shouldStart !== false;
}

/** Wait for the first session; not for ever, since the choice of a kernel may be refused. */
function opened(context: ISessionContext): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, OPENING);
    void context.ready.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
