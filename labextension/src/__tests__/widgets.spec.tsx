// What people see in the toolbar and in the dialog, for each state of the server.
import { CommandRegistry } from '@lumino/commands';
import { GpuContainersModel } from '../model/model';
import { KernelSwitcher } from '../model/switcher';
import { IKernelSwitcher } from '../tokens';
import { EnvironmentButton } from '../widgets/environmentButton';
import { LaunchForm } from '../forms/launchForm';
import {
  FakeContext,
  FakeServer,
  TOO_OLD,
  makeKernelspecs,
  makeLaunch,
  makeModel
} from './fakes';
import {
  GPU,
  IMAGE,
  button as buttonOf,
  rendered,
  show,
  trans
} from './screen';

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
      new LaunchForm({
        model,
        trans,
        onSubmit: jest.fn(),
        onAddImage: jest.fn(),
        ...options
      })
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

  it('warns of an image that does not run here, and leaves the choice', async () => {
    const image = { ...IMAGE, verdict: TOO_OLD };
    server.answers.set('GET images', { images: [image] });
    const widget = await form(server);
    const alert = widget.node.querySelector('[role=alert]')!;
    expect(alert.textContent).toContain('needs driver >= 570.26');
    expect(alert.textContent).toContain('GPUs 0, 1');
    expect(widget.getValue()).toEqual({ image: IMAGE.references[0], gpus: 1 });
  });

  it('leads to images that are not here yet', async () => {
    const onAddImage = jest.fn();
    server.answers.set('GET images', { images: [] });
    const widget = await form(server, { onAddImage });
    buttonOf(widget.node, 'Add another image…').click();
    expect(onAddImage).toHaveBeenCalledTimes(1);
    expect(widget.getValue()).toBeNull();
  });
});
