// What people see, for each state of the server.
import { CommandRegistry } from '@lumino/commands';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { ReactWidget } from '@jupyterlab/ui-components';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandIDs } from '../commandIds';
import { formatBytes, formatShare, imageTitle } from '../format';
import { DOMAIN, IKernelSwitcher } from '../tokens';
import { EnvironmentButton } from '../widgets/environmentButton';
import { LaunchForm } from '../widgets/launchForm';
import { GpuContainersPanel } from '../widgets/panel';
import { GpuContainersModel } from '../model';
import { KernelSwitcher } from '../switcher';
import { IGpu, IImage } from '../wire';
import {
  BUSY,
  FakeContext,
  FakeServer,
  makeKernelspecs,
  makeLaunch,
  makeModel
} from './fakes';

const trans = nullTranslator.load(DOMAIN);
const GIB = 1024 ** 3;

const IMAGE: IImage = {
  id: 'sha256:1',
  references: ['nvcr.io/nvidia/pytorch:25.08-py3'],
  size: 12.1 * GIB,
  created: '2026-11-21T05:00:00.000Z',
  architecture: 'amd64',
  framework: { name: 'PyTorch', version: '25.08' },
  cuda: '13.0.0',
  python: '3.12.3',
  kernels: [
    { name: 'python3', display_name: 'Python 3', language: 'python' },
    { name: 'ir', display_name: 'R', language: 'R' }
  ],
  problem: null
};

const GPU: IGpu = {
  uuid: 'GPU-1',
  index: 0,
  name: 'NVIDIA H100 80GB HBM3',
  memory_total: 80 * GIB,
  memory_used: 12.3 * GIB,
  memory_free: 67.7 * GIB,
  utilization: 0,
  compute_capability: '9.0',
  mig_profile: null,
  parent_uuid: null,
  state: 'free',
  problem: null,
  holder: null
};

const HOLDER = {
  container_id: 'c1',
  kernel_id: 'k1',
  environment: 'pytorch-1gpu',
  display_name: 'PyTorch 25.08 · 1 GPU',
  notebook: 'work/train.ipynb',
  owner: 'ada',
  mine: true
};

let shown: Widget[] = [];

/** Attach a widget and wait until React has rendered it. */
async function show<T extends ReactWidget>(widget: T): Promise<T> {
  Widget.attach(widget, document.body);
  shown.push(widget);
  return rendered(widget);
}

async function rendered<T extends ReactWidget>(widget: T): Promise<T> {
  MessageLoop.flush();
  await widget.renderPromise;
  await new Promise(resolve => requestAnimationFrame(resolve));
  return widget;
}

afterEach(() => {
  shown.forEach(widget => widget.dispose());
  shown = [];
});

describe('GpuContainersPanel', () => {
  async function panel(server: FakeServer): Promise<GpuContainersPanel> {
    const { model } = await makeModel(server);
    await model.refresh();
    return show(new GpuContainersPanel({ model, commands, trans }));
  }

  let commands: CommandRegistry;
  let executed: unknown[];

  beforeEach(() => {
    commands = new CommandRegistry();
    executed = [];
    for (const id of [CommandIDs.selectEnvironment, CommandIDs.stop]) {
      commands.addCommand(id, {
        label: id,
        describedBy: { args: { type: 'object', properties: {} } },
        execute: args => executed.push([id, args])
      });
    }
  });

  it('shows GPUs with memory and who holds them', async () => {
    const server = new FakeServer();
    const gpus = [
      GPU,
      { ...GPU, uuid: 'GPU-2', index: 1, state: 'claimed', holder: HOLDER },
      {
        ...GPU,
        uuid: 'GPU-3',
        index: 2,
        state: 'claimed',
        holder: { ...HOLDER, mine: false }
      },
      { ...GPU, uuid: 'GPU-4', index: 3, state: 'in_use' }
    ];
    server.answers.set('GET gpus', { driver: null, problem: null, gpus });
    const { node } = await panel(server);
    const states = [...node.querySelectorAll('.jp-GpuContainers-state')];
    expect(states.map(({ textContent }) => textContent)).toEqual([
      'free',
      'train.ipynb',
      'user ada',
      'other program'
    ]);
    expect(node.textContent).toContain('1 of 4 free');
    expect(node.textContent).toContain('12.3 of 80 GiB');
    const meter = node.querySelector('meter')!;
    expect(meter.getAttribute('aria-label')).toBe('Memory of GPU 0');
    expect(Number(meter.getAttribute('value'))).toBeCloseTo(12.3 * GIB, -3);
  });

  it('shows an engine that does not answer, with the fix', async () => {
    const server = new FakeServer();
    server.answers.set('GET status', {
      version: '0.1.0',
      backend: 'docker',
      demo: false,
      engine: null,
      problem: {
        code: 'engine_permission',
        message: 'No permission.',
        hint: 'usermod'
      }
    });
    const { node } = await panel(server);
    expect(node.querySelector('[role=alert]')!.textContent).toBe(
      'No permission.usermod'
    );
  });

  it('says that it is a demonstration', async () => {
    const server = new FakeServer();
    server.answers.set('GET status', {
      version: '0.1.0',
      backend: 'memory',
      demo: true,
      engine: null,
      problem: null
    });
    const { node } = await panel(server);
    expect(node.querySelector('[role=note]')!.textContent).toMatch(/^Demo/);
  });

  it('shows names as text, whatever they hold', async () => {
    const server = new FakeServer();
    const references = ['<img src=x onerror=alert(1)>:1'];
    const image = { ...IMAGE, references, framework: null };
    server.answers.set('GET images', { images: [image] });
    const { node } = await panel(server);
    expect(node.querySelector('img')).toBeNull();
    expect(node.textContent).toContain('<img src=x onerror=alert(1)> 1');
  });

  it('acts through commands', async () => {
    const server = new FakeServer();
    server.answers.set('GET images', { images: [IMAGE] });
    server.answers.set('GET launches', { launches: [makeLaunch('running')] });
    const { node } = await panel(server);
    node.querySelector<HTMLElement>('.jp-GpuContainers-image button')!.click();
    node
      .querySelector<HTMLElement>(
        '[title="Shut down the kernel of train.ipynb"]'
      )!
      .click();
    expect(executed).toEqual([
      [CommandIDs.selectEnvironment, { image: IMAGE.id }],
      [CommandIDs.stop, { id: 'l1' }]
    ]);
  });

  it('leaves out what has ended', async () => {
    const server = new FakeServer();
    server.answers.set('GET launches', {
      launches: [makeLaunch('failed', { error: BUSY })]
    });
    const { node } = await panel(server);
    expect(node.textContent).toContain('No kernel runs in a container.');
  });
});

describe('EnvironmentButton', () => {
  async function button(
    context: FakeContext,
    server = new FakeServer()
  ): Promise<{
    widget: EnvironmentButton;
    model: GpuContainersModel;
    switcher: IKernelSwitcher;
  }> {
    const { model } = await makeModel(server);
    const switcher = new KernelSwitcher({
      model,
      kernelspecs: makeKernelspecs()
    });
    const widget = await show(
      new EnvironmentButton({
        commands: new CommandRegistry(),
        context: context.asContext,
        model,
        switcher,
        trans
      })
    );
    return { widget, model, switcher };
  }

  it('names the environment, or asks for one', async () => {
    const own = await button(new FakeContext('pytorch-1gpu'));
    expect(own.widget.node.textContent).toContain('pytorch-1gpu');
    const other = await button(new FakeContext('python3'));
    expect(other.widget.node.textContent).toContain('Select environment');
  });

  it('says what the launch is doing', async () => {
    const context = new FakeContext();
    const { widget, switcher } = await button(context);
    void switcher.follow(context.asContext, makeLaunch('creating'));
    await Promise.resolve();
    await rendered(widget);
    expect(widget.node.textContent).toContain('Creating container…');
  });

  it('is hidden where the server half is missing', async () => {
    const server = new FakeServer();
    server.answers.delete('GET launches');
    expect((await button(new FakeContext(), server)).widget.isHidden).toBe(
      true
    );
  });
});

describe('LaunchForm', () => {
  async function form(
    server: FakeServer,
    options: Partial<LaunchForm.IOptions> = {}
  ): Promise<LaunchForm> {
    const { model } = await makeModel(server);
    await model.refresh();
    return show(
      new LaunchForm({ model, trans, onSubmit: jest.fn(), ...options })
    );
  }

  let server: FakeServer;

  beforeEach(() => {
    server = new FakeServer();
    const cpu = {
      ...IMAGE,
      id: 'sha256:2',
      references: ['cpu:1'],
      framework: null,
      cuda: null
    };
    const gpus = [GPU, { ...GPU, uuid: 'GPU-2', state: 'in_use' }];
    server.answers.set('GET images', { images: [IMAGE, cpu] });
    server.answers.set('GET gpus', { driver: null, problem: null, gpus });
  });

  it('begins with the first image and one GPU', async () => {
    const widget = await form(server);
    expect(widget.getValue()).toEqual({ image: IMAGE.references[0], gpus: 1 });
    expect(widget.node.textContent).toContain('1 of 2 free');
  });

  it('begins with the present environment', async () => {
    const widget = await form(server, { image: 'cpu:1', gpus: 2 });
    expect(widget.getValue()).toEqual({ image: 'cpu:1', gpus: 2 });
  });

  it('asks for no GPU for an image without CUDA', async () => {
    const widget = await form(server, { image: 'sha256:2' });
    expect(widget.getValue()).toEqual({ image: 'cpu:1', gpus: 0 });
  });

  it('starts an image by its own button', async () => {
    const onSubmit = jest.fn();
    const widget = await form(server, { onSubmit });
    widget.node
      .querySelectorAll<HTMLElement>('.jp-GpuContainers-start')[1]
      .click();
    expect(onSubmit).toHaveBeenCalledTimes(1);
    expect(widget.getValue()).toEqual({ image: 'cpu:1', gpus: 0 });
  });

  it('looks into an image whose kernels are not known', async () => {
    server.answers.set('GET images', { images: [{ ...IMAGE, kernels: null }] });
    server.answers.set('GET images/sha256%3A1', IMAGE);
    const widget = await form(server);
    await rendered(widget);
    const kernels = [...widget.node.querySelectorAll('option')].map(
      ({ text }) => text
    );
    expect(kernels).toEqual(expect.arrayContaining(['Python 3', 'R']));
  });
});

describe('format', () => {
  it.each([
    [0, '0 B'],
    [512, '512 B'],
    [329 * 1024 ** 2, '329 MiB'],
    [1023.9 * 1024 ** 2, '1 GiB'],
    [12.14 * GIB, '12.1 GiB'],
    [141 * GIB, '141 GiB']
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it('gives a share in one unit', () => {
    expect(formatShare(trans, 512 * 1024 ** 2, 80 * GIB)).toBe('0.5 of 80 GiB');
  });

  it.each([
    [IMAGE, 'PyTorch 25.08'],
    [{ ...IMAGE, framework: { name: 'RAPIDS', version: null } }, 'RAPIDS'],
    [{ ...IMAGE, framework: null }, 'pytorch 25.08-py3'],
    [{ ...IMAGE, framework: null, references: ['lab/r:latest'] }, 'r'],
    [{ ...IMAGE, framework: null, references: [] }, 'sha256:1']
  ])('calls an image by its name (%#)', (image, title) => {
    expect(imageTitle(image)).toBe(title);
  });
});
