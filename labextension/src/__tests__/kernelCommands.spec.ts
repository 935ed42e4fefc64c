// Interrupt and restart of a launch's kernel: what is asked, what is sent, what went wrong.
import { Dialog, ISessionContext } from '@jupyterlab/apputils';
import { ServerConnection } from '@jupyterlab/services';
import { CommandRegistry } from '@lumino/commands';
import { CommandIDs } from '../commands/commandIds';
import { addKernelCommands } from '../commands/kernelCommands';
import { FakeContext, FakeServer, makeLaunch, makeModel } from './fakes';
import { settled, trans } from './screen';

describe('kernel commands', () => {
  const ID = { id: 'l1' };
  let commands: CommandRegistry;
  let requests: string[];
  let status: number;
  let context: ISessionContext | null;
  let restarted: ISessionContext[];

  beforeEach(async () => {
    const server = new FakeServer();
    server.answers.set('GET launches', {
      launches: [
        makeLaunch('running', { id: 'l1', kernel_id: 'k1' }),
        makeLaunch('starting', { id: 'l2', kernel_id: 'k2' }),
        makeLaunch('failed', {
          id: 'l3',
          kernel_id: 'k3',
          path: 'dead.ipynb',
          environment: 'torch',
          phases: [
            { phase: 'running', at: '2026-11-22T18:00:00.000Z' },
            { phase: 'failed', at: '2026-11-22T19:00:00.000Z' }
          ]
        }),
        makeLaunch('failed', { id: 'l4', kernel_id: 'k4' })
      ]
    });
    const { model } = await makeModel(server);
    requests = [];
    status = 0;
    context = null;
    restarted = [];
    const fetch = ({ method, url }: Request) => {
      requests.push(`${method} ${new URL(url).pathname}`);
      const isRestart = url.includes('restart');
      const body = isRestart ? JSON.stringify({ id: 'k1', name: 'e' }) : null;
      return Promise.resolve(
        status
          ? new Response(JSON.stringify({ message: 'gone' }), { status })
          : new Response(body, { status: isRestart ? 200 : 204 })
      );
    };
    commands = new CommandRegistry();
    addKernelCommands({
      commands,
      model,
      settings: ServerConnection.makeSettings({
        baseUrl: 'http://localhost:8888/',
        fetch: fetch as unknown as typeof globalThis.fetch
      }),
      findContext: kernelId =>
        kernelId === 'k1' || kernelId === 'k3' ? context : null,
      dialogs: {
        restart: (asked: ISessionContext) => {
          restarted.push(asked);
          return Promise.resolve(true);
        }
      } as ISessionContext.IDialogs,
      trans
    });
  });

  afterEach(() => Dialog.flush());

  const answer = async (label: string) => {
    await settled();
    const buttons = document.querySelectorAll<HTMLElement>('.jp-Dialog button');
    [...buttons].find(({ textContent }) => textContent === label)!.click();
  };

  it.each([CommandIDs.interrupt, CommandIDs.restart])(
    '%s is for kernels that run',
    command => {
      expect(commands.isEnabled(command, ID)).toBe(true);
      expect(commands.isEnabled(command, { id: 'l2' })).toBe(false);
      expect(commands.isEnabled(command, { id: 'none' })).toBe(false);
      expect(commands.isEnabled(command)).toBe(false);
    }
  );

  it('interrupts without a question', async () => {
    expect(await commands.execute(CommandIDs.interrupt, ID)).toBe(true);
    expect(requests).toEqual(['POST /api/kernels/k1/interrupt']);
  });

  it('says what went wrong', async () => {
    status = 500;
    const done = commands.execute(CommandIDs.interrupt, ID);
    await settled();
    expect(document.querySelector('.jp-Dialog')!.textContent).toContain(
      'The kernel could not be interrupted'
    );
    await answer('Close');
    expect(await done).toBe(false);
  });

  it('leaves the question to JupyterLab where the notebook is open', async () => {
    context = new FakeContext().asContext;
    expect(await commands.execute(CommandIDs.restart, ID)).toBe(true);
    expect(restarted).toEqual([context]);
    expect(requests).toEqual([]);
  });

  it('asks the same of a notebook that is not open', async () => {
    const done = commands.execute(CommandIDs.restart, ID);
    await settled();
    expect(document.querySelector('.jp-Dialog')!.textContent).toContain(
      'All variables will be lost.'
    );
    await answer('Restart');
    expect(await done).toBe(true);
    expect(requests).toEqual(['POST /api/kernels/k1/restart']);
  });

  it('restarts a dead kernel without a question: there is nothing to lose', async () => {
    const fake = new FakeContext();
    context = fake.asContext;
    const restart = jest.fn(() => Promise.resolve());
    context.restartKernel = restart;
    expect(commands.isEnabled(CommandIDs.restart, { id: 'l3' })).toBe(true);
    expect(commands.isEnabled(CommandIDs.interrupt, { id: 'l3' })).toBe(false);
    expect(await commands.execute(CommandIDs.restart, { id: 'l3' })).toBe(true);
    expect(restart).toHaveBeenCalledTimes(1);
    expect(restarted).toEqual([]);
    expect(document.querySelector('.jp-Dialog')).toBeNull();
    // one that never ran was not there to be restarted
    expect(commands.isEnabled(CommandIDs.restart, { id: 'l4' })).toBe(false);
    expect(await commands.execute(CommandIDs.restart, { id: 'l4' })).toBe(
      false
    );
  });

  it('says why a dead kernel cannot be restarted', async () => {
    context = new FakeContext().asContext;
    context.restartKernel = () => Promise.reject(new Error('No space left.'));
    const done = commands.execute(CommandIDs.restart, { id: 'l3' });
    await settled();
    expect(document.querySelector('.jp-Dialog')!.textContent).toContain(
      'No space left.'
    );
    await answer('Close');
    expect(await done).toBe(false);
  });

  it('starts anew what the server has forgotten', async () => {
    const execute = jest.fn();
    commands.addCommand(CommandIDs.launch, {
      execute,
      describedBy: { args: { type: 'object', properties: {} } }
    });
    expect(await commands.execute(CommandIDs.restart, { id: 'l3' })).toBe(true);
    const [[args]] = execute.mock.calls as [[object]];
    expect(args).toEqual({ path: 'dead.ipynb', environment: 'torch' });
  });

  it('does not restart when the answer is no', async () => {
    const done = commands.execute(CommandIDs.restart, ID);
    await answer('Cancel');
    expect(await done).toBe(false);
    expect(requests).toEqual([]);
  });
});
