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
        makeLaunch('starting', { id: 'l2', kernel_id: 'k2' })
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
      findContext: kernelId => (kernelId === 'k1' ? context : null),
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

  it('does not restart when the answer is no', async () => {
    const done = commands.execute(CommandIDs.restart, ID);
    await answer('Cancel');
    expect(await done).toBe(false);
    expect(requests).toEqual([]);
  });
});
