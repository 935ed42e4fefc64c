// The toolbar's button, for each state of a kernel and of its start.
import { CommandRegistry } from '@lumino/commands';
import { KernelSwitcher } from '../model/switcher';
import { EnvironmentButton } from '../widgets/environmentButton';
import {
  FakeContext,
  FakeEvents,
  FakeServer,
  makeKernelspecs,
  makeLaunch,
  makeModel
} from './fakes';
import { GPU, settled, show, trans } from './screen';

interface IShown {
  commands: CommandRegistry;
  events: FakeEvents;
  switcher: KernelSwitcher;
  widget: EnvironmentButton;
}

async function button(
  context: FakeContext,
  server = new FakeServer()
): Promise<IShown> {
  const { events, model } = await makeModel(server);
  const commands = new CommandRegistry();
  const switcher = new KernelSwitcher({
    model,
    kernelspecs: makeKernelspecs()
  });
  const widget = await show(
    new EnvironmentButton({
      commands,
      context: context.asContext,
      model,
      switcher,
      trans
    })
  );
  await settled();
  return { commands, events, switcher, widget };
}

/** The state that the dot tells by its shape. */
function dot({ widget }: IShown): string | undefined {
  return widget.node.querySelector<SVGElement>('.jp-GpuContainers-dot')?.dataset
    .state;
}

describe('EnvironmentButton', () => {
  it('names the environment, or asks for one', async () => {
    const own = await button(new FakeContext('pytorch-1gpu'));
    expect(own.widget.node.textContent).toBe('pytorch-1gpu');
    const other = await button(new FakeContext('python3'));
    expect(other.widget.node.textContent).toBe('Select environment');
    expect(dot(other)).toBeUndefined();
  });

  it('says what the start is doing', async () => {
    const context = new FakeContext();
    const shown = await button(context);
    const { events, switcher, widget } = shown;
    void switcher.follow(context.asContext, makeLaunch('queued'));
    await settled();
    expect(widget.node.textContent).toBe('Starting');
    expect(dot(shown)).toBe('starting');
    const pull = { job: 'j', current: 3.1e9, total: 8.9e9, speed: 1, eta: 240 };
    events.emit(makeLaunch('pulling', { pull }));
    await settled();
    expect(widget.node.textContent).toBe(
      'Downloading 3.1 of 8.9 GB · 4 min left'
    );
    const title = widget.node.querySelector('[title]')?.getAttribute('title');
    expect(title).toBe(
      'PyTorch 25.08 · 1 GPU is being started.\nClick to see how the start gets on, or to cancel it.'
    );
  });

  it.each([
    ['idle', 'idle', 'idle'],
    ['busy', 'busy', 'busy'],
    ['unknown', 'busy', 'busy'],
    ['starting', 'starting', 'starting'],
    ['autorestarting', 'starting', 'starting'],
    ['dead', 'dead', 'dead'],
    ['disconnected', 'disconnected', 'not connected'],
    ['', 'none', 'no kernel']
  ])('shows by shape and words: %s', async (status, shape, words) => {
    const context = new FakeContext('pytorch-1gpu');
    context.kernelDisplayStatus = status;
    const shown = await button(context);
    expect(dot(shown)).toBe(shape);
    const title = shown.widget.node
      .querySelector('[title]')
      ?.getAttribute('title');
    expect(title).toContain(`Kernel in a container: ${words}.`);
  });

  it('says which GPU the kernel has, to who points at it or comes by keyboard', async () => {
    const context = new FakeContext('pytorch-1gpu');
    const server = new FakeServer();
    const own = { kernel_id: context.kernelId, gpus: ['GPU-4'] };
    server.answers.set('GET launches', {
      launches: [makeLaunch('running', own)]
    });
    const gpus = [3, 4].map(index => ({
      ...GPU,
      index,
      uuid: `GPU-${index}`
    }));
    server.answers.set('GET gpus', { driver: null, problem: null, gpus });
    const { widget } = await button(context, server);
    const title = () =>
      widget.node.querySelector('[title]')?.getAttribute('title');
    const asked = () =>
      server.requests.filter(({ what }) => what === 'GET gpus').length;
    expect(title()).toContain('Kernel in a container: idle.');
    expect(asked()).toBe(0);
    widget.node.dispatchEvent(new Event('focusin'));
    await settled();
    expect(title()).toContain('Kernel in a container on GPU 4: idle.');
    widget.node.dispatchEvent(new Event('pointerenter'));
    await settled();
    expect(asked()).toBe(1);
  });

  it('follows a restart that Jupyter makes by itself', async () => {
    const context = new FakeContext('pytorch-1gpu');
    const shown = await button(context);
    const own = { kernel_id: context.kernelId };
    shown.events.emit(makeLaunch('starting', own));
    await settled();
    expect(shown.widget.node.textContent).toBe('Starting');
    shown.events.emit(makeLaunch('running', own));
    await settled();
    expect(shown.widget.node.textContent).toBe('pytorch-1gpu');
    expect(dot(shown)).toBe('idle');
  });

  it('asks for an environment, or shows the start', async () => {
    const context = new FakeContext('pytorch-1gpu');
    const { commands, events, widget } = await button(context);
    const called: string[] = [];
    for (const id of ['select-environment', 'show-launch']) {
      commands.addCommand(`gpu-containers:${id}`, {
        describedBy: { args: { type: 'object', properties: {} } },
        execute: args => {
          called.push(`${id} ${args.path as string}`);
        }
      });
    }
    const click = () =>
      widget.node
        .querySelector('.jp-ToolbarButtonComponent')!
        .dispatchEvent(new MouseEvent('click', { bubbles: true }));
    click();
    events.emit(makeLaunch('creating', { kernel_id: context.kernelId }));
    await settled();
    click();
    expect(called).toEqual([
      'select-environment train.ipynb',
      'show-launch train.ipynb'
    ]);
  });

  it('is hidden where the server half is missing', async () => {
    const server = new FakeServer();
    server.answers.delete('GET launches');
    const { widget } = await button(new FakeContext(), server);
    expect(widget.isHidden).toBe(true);
  });
});
