// What is started when a notebook's last environment is used: never another kind of GPU unasked.
import { NotebookPanel } from '@jupyterlab/notebook';
import { CommandRegistry } from '@lumino/commands';
import { CommandIDs } from '../commands/commandIds';
import { addRememberedCommands } from '../commands/rememberedCommands';
import { IRemembered } from '../model/remembered';
import { IKernelSwitcher } from '../tokens';
import { INewLaunch } from '../client/wire';
import { FakeServer, makeModel } from './fakes';
import { GPU, IMAGE, trans } from './screen';

const REMEMBERED: IRemembered = {
  image: IMAGE.references[0],
  digest: null,
  kernel: 'python3',
  gpus: 1
};
const SLICE = {
  ...GPU,
  uuid: 'MIG-1',
  mig_profile: '1g.10gb',
  parent_uuid: 'GPU-9'
};

describe('using the last environment', () => {
  let started: INewLaunch[];
  let asked: unknown[];

  async function use(profile: string | null, gpus: object[]) {
    const server = new FakeServer();
    server.answers.set('GET images', { images: [IMAGE] });
    server.answers.set('GET gpus', { driver: null, problem: null, gpus });
    const { model } = await makeModel(server);
    await model.refresh();
    started = [];
    asked = [];
    const commands = new CommandRegistry();
    commands.addCommand(CommandIDs.selectEnvironment, {
      execute: args => asked.push(args),
      describedBy: { args: { type: 'object', properties: {} } }
    });
    const panel = { context: { path: 'a.ipynb' }, sessionContext: {} };
    addRememberedCommands({
      commands,
      model,
      switcher: {
        start: (_: unknown, request: INewLaunch) => {
          started.push(request);
          return Promise.resolve(true);
        }
      } as unknown as IKernelSwitcher,
      trans,
      find: () => ({
        panel: panel as unknown as NotebookPanel,
        remembered: REMEMBERED,
        profile,
        decline: () => undefined
      })
    });
    await commands.execute(CommandIDs.useRemembered, { path: 'a.ipynb' });
  }

  const request = { image: REMEMBERED.image, kernel: 'python3', gpus: 1 };

  it('starts it with as many GPUs', async () => {
    await use(null, [GPU]);
    expect(started).toEqual([request]);
    expect(asked).toEqual([]);
  });

  it('starts it with a MIG instance of the same size', async () => {
    await use('1g.10gb', [GPU, SLICE]);
    expect(started).toEqual([{ ...request, gpu_profile: '1g.10gb' }]);
  });

  it('asks which GPUs instead where there is none of that size', async () => {
    await use('1g.10gb', [GPU]);
    expect(started).toEqual([]);
    expect(asked).toEqual([{ path: 'a.ipynb', image: IMAGE.id }]);
  });
});
