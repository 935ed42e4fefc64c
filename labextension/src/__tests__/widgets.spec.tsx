// What people see in the toolbar and in the dialog, for each state of the server.
import { CommandRegistry } from '@lumino/commands';
import { GpuContainersModel } from '../model/model';
import { KernelSwitcher } from '../model/switcher';
import { IKernelSwitcher } from '../tokens';
import { EnvironmentButton } from '../widgets/environmentButton';
import {
  FakeContext,
  FakeServer,
  makeKernelspecs,
  makeLaunch,
  makeModel
} from './fakes';
import { rendered, show, trans } from './screen';

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
