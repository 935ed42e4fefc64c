// Cells that are run during a switch: never dropped, never on the old kernel.
import { INotebookCellExecutor } from '@jupyterlab/notebook';
import { PromiseDelegate } from '@lumino/coreutils';
import { HoldingCellExecutor } from '../model/executor';
import { IKernelSwitcher } from '../tokens';
import { FakeContext } from './fakes';

describe('HoldingCellExecutor', () => {
  let order: string[];
  let pending: PromiseDelegate<boolean>[];
  let executor: HoldingCellExecutor;

  /** End the switch under way. */
  const end = (ok: boolean) => pending.shift()!.resolve(ok);

  beforeEach(() => {
    order = [];
    pending = [];
    const switcher = {
      pending: () =>
        pending.length ? { launch: null, done: pending[0].promise } : null
    } as unknown as IKernelSwitcher;
    executor = new HoldingCellExecutor(switcher, options => {
      order.push(`run ${options.cell.id}`);
      return Promise.resolve(true);
    });
  });

  it('runs at once when nothing is under way', async () => {
    expect(await executor.runCell(makeOptions('a'))).toBe(true);
    expect(order).toEqual(['run a']);
  });

  it('holds code cells in their order, marked as running', async () => {
    pending.push(new PromiseDelegate());
    const options = ['a', 'b'].map(id => makeOptions(id));
    const runs = options.map(each => executor.runCell(each));
    await Promise.resolve();
    expect(order).toEqual([]);
    expect(options.map(state)).toEqual(['running', 'running']);
    end(true);
    expect(await Promise.all(runs)).toEqual([true, true]);
    expect(order).toEqual(['run a', 'run b']);
  });

  it('does not run them when the switch failed', async () => {
    pending.push(new PromiseDelegate());
    const options = makeOptions('a');
    const run = executor.runCell(options);
    end(false);
    expect(await run).toBe(false);
    expect(order).toEqual([]);
    expect(state(options)).toBe('idle');
    expect(options.onCellExecuted).toHaveBeenCalledWith({
      cell: options.cell,
      success: false
    });
  });

  it('goes on to hold them when the switch was given up for another', async () => {
    pending.push(new PromiseDelegate(), new PromiseDelegate());
    const run = executor.runCell(makeOptions('a'));
    end(false);
    await Promise.resolve();
    expect(order).toEqual([]);
    end(true);
    expect(await run).toBe(true);
    expect(order).toEqual(['run a']);
  });

  it('holds them until a notebook that was just opened has a session', async () => {
    const context = new FakeContext();
    const session = new PromiseDelegate<void>();
    context.isReady = false;
    context.ready = session.promise;
    const options = makeOptions('a', 'code', context);
    const run = executor.runCell(options);
    await Promise.resolve();
    expect(order).toEqual([]);
    expect(state(options)).toBe('running');
    session.resolve();
    expect(await run).toBe(true);
    expect(order).toEqual(['run a']);
  });

  it('does not hold them for a session that is not wanted', async () => {
    const context = new FakeContext();
    context.isReady = false;
    context.ready = new PromiseDelegate<void>().promise;
    context.kernelPreference = { shouldStart: false };
    const options = makeOptions('a', 'code', context);
    expect(await executor.runCell(options)).toBe(true);
  });

  it('lets Markdown through', async () => {
    pending.push(new PromiseDelegate());
    expect(await executor.runCell(makeOptions('a', 'markdown'))).toBe(true);
  });

  it('is JupyterLab’s own without a switcher', async () => {
    const run = jest.fn(() => Promise.resolve(true));
    await new HoldingCellExecutor(null, run).runCell(makeOptions('a'));
    expect(run).toHaveBeenCalledTimes(1);
  });
});

function makeOptions(
  id: string,
  type = 'code',
  context = new FakeContext()
): INotebookCellExecutor.IRunCellOptions {
  return {
    cell: { id, model: { type, executionState: 'idle' }, isDisposed: false },
    onCellExecuted: jest.fn(),
    sessionContext: context.asContext
  } as unknown as INotebookCellExecutor.IRunCellOptions;
}

function state(options: INotebookCellExecutor.IRunCellOptions): string {
  const { model } = options.cell as unknown as {
    model: { executionState: string };
  };
  return model.executionState;
}
