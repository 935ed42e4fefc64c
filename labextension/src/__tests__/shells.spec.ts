// The commands that lead into containers, and what becomes of terminals whose container has ended.
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import { CommandIDs } from '../commands/commandIds';
import { addShellCommands } from '../commands/shellCommands';
import { RequestError } from '../client/requests';
import { ILaunch } from '../client/wire';
import { IGpuContainersModel } from '../tokens';
import { keepEndedTerminals } from '../widgets/containerTerminals';
import { dismissDialog, waitForDialog } from './dialogs';
import { makeLaunch } from './fakes';
import { settled, trans } from './screen';

/** What the terminals' programs entitle them. */
const [OPEN, ENDED] = [
  'train.ipynb – container',
  'train.ipynb – container ended'
];
const describedBy = { args: { type: 'object', properties: {} } } as const;

function setUp(launches: ILaunch[], kernel?: string) {
  const commands = new CommandRegistry();
  const openTerminal = jest.fn((_: string) =>
    Promise.resolve('a_container_0a1b2c')
  );
  const showLog = jest.fn((_: string) => Promise.resolve());
  const opened = jest.fn();
  commands.addCommand('terminal:open', { execute: opened, describedBy });
  const model = { available: true, launches } as unknown as IGpuContainersModel;
  addShellCommands({
    commands,
    model,
    trans,
    currentKernel: () => kernel,
    openTerminal,
    showLog
  });
  return { commands, openTerminal, showLog, opened };
}

describe('open-terminal', () => {
  const running = makeLaunch('running', { id: 'a', kernel_id: 'k' });

  it('opens an ordinary terminal of the launch, or of the notebook', async () => {
    const { commands, openTerminal, opened } = setUp([running], 'k');
    for (const args of [{ id: 'a' }, { isPalette: true }]) {
      expect(commands.isEnabled(CommandIDs.openTerminal, args)).toBe(true);
      await commands.execute(CommandIDs.openTerminal, args);
    }
    expect(openTerminal.mock.calls).toEqual([['a'], ['a']]);
    expect(opened).toHaveBeenLastCalledWith({ name: 'a_container_0a1b2c' });
  });

  it('is for kernels that run', () => {
    const starting = makeLaunch('starting', { id: 'b', kernel_id: null });
    const { commands } = setUp([running, starting], 'another');
    expect(commands.isEnabled(CommandIDs.openTerminal, { id: 'b' })).toBe(
      false
    );
    expect(commands.isEnabled(CommandIDs.openTerminal, { id: 'x' })).toBe(
      false
    );
    expect(commands.isEnabled(CommandIDs.openTerminal, {})).toBe(false);
  });

  it('says what went wrong', async () => {
    const { commands, openTerminal, opened } = setUp([running]);
    const problem = {
      code: 'terminals_unavailable',
      message: 'This Jupyter server offers no terminals.',
      hint: 'They are switched off.'
    };
    openTerminal.mockRejectedValueOnce(new RequestError(problem, 503));
    const done = commands.execute(CommandIDs.openTerminal, { id: 'a' });
    await waitForDialog();
    await settled();
    const said = document.querySelector('.jp-Dialog')?.textContent;
    expect(said).toContain(problem.message);
    expect(said).toContain(problem.hint);
    await dismissDialog();
    expect(await done).toBe(false);
    expect(opened).not.toHaveBeenCalled();
  });
});

describe('show-log', () => {
  it('is for kernels with a container, and for viewers that are restored', async () => {
    const starting = makeLaunch('starting', { id: 'b', container_id: 'c' });
    const over = makeLaunch('cancelled', { id: 'd', container_id: 'c' });
    const early = makeLaunch('queued', { id: 'e', container_id: null });
    const { commands, showLog } = setUp([starting, over, early]);
    const isEnabled = (id: string) =>
      commands.isEnabled(CommandIDs.showLog, { id });
    expect(['b', 'd', 'e', 'unknown'].map(isEnabled)).toEqual([
      true,
      false,
      false,
      true
    ]);
    await commands.execute(CommandIDs.showLog, { id: 'b' });
    expect(showLog.mock.calls).toEqual([['b']]);
  });
});

describe('terminals', () => {
  class Terminal extends Widget {
    constructor(readonly name: string) {
      super();
    }
    readonly disposedSignal = new Signal<object, void>(this);
    readonly session = { name: this.name, disposed: this.disposedSignal };
    readonly setOption = jest.fn();
  }

  async function open(name: string) {
    const commands = new CommandRegistry();
    const keeping = keepEndedTerminals(commands);
    const content = new Terminal(name);
    const execute = () => ({ content });
    commands.addCommand('terminal:create-new', { execute, describedBy });
    await commands.execute('terminal:create-new', { name });
    await settled();
    keeping.dispose();
    return content;
  }

  /** Tell that the session has ended; returns when the terminal has taken that in. */
  async function ended(terminal: Terminal) {
    jest.useFakeTimers();
    terminal.disposedSignal.emit();
    jest.runAllTimers();
    jest.useRealTimers();
    await settled();
  }

  it('stay with their words when the container has ended', async () => {
    const terminal = await open('train_ipynb_container_0a1b2c');
    expect(terminal.setOption).toHaveBeenCalledWith('closeOnExit', false);
    terminal.title.label = ENDED;
    await ended(terminal);
    expect(terminal.isDisposed).toBe(false);
  });

  it('close when their shell was left', async () => {
    const terminal = await open('train_ipynb_container_0a1b2c');
    terminal.title.label = OPEN;
    await ended(terminal);
    expect(terminal.isDisposed).toBe(true);
  });

  it('of the server are left as they are', async () => {
    const terminal = await open('1');
    expect(terminal.setOption).not.toHaveBeenCalled();
  });
});
