// JupyterLab's kernel dialog: environments are launched, everything else is as ever.
import { SessionContextDialogs } from '@jupyterlab/apputils';
import { GpuSessionContextDialogs } from '../dialogs/sessionDialogs';
import { KernelQuestions } from '../model/kernelQuestions';
import { IKernelSwitcher } from '../tokens';
import { FakeContext } from './fakes';

describe('GpuSessionContextDialogs', () => {
  const questions = new KernelQuestions();
  const start = jest.fn(() => Promise.resolve(true));
  const switcher = {
    start,
    environment: (name: string) =>
      name === 'pytorch-1gpu' ? { image: 'pytorch:25.08', gpus: 1 } : null
  } as unknown as IKernelSwitcher;

  /** Choose a kernel in JupyterLab's dialog, whose own work begins where it was chosen. */
  async function choose(
    name: string,
    context: FakeContext,
    dialogs = new GpuSessionContextDialogs(switcher, questions)
  ): Promise<void> {
    const selectKernel = jest
      .spyOn(SessionContextDialogs.prototype, 'selectKernel')
      .mockImplementationOnce(async given => {
        expect(given.path).toBe('train.ipynb');
        await given.changeKernel({ name });
      });
    await dialogs.selectKernel(context.asContext);
    selectKernel.mockRestore();
  }

  beforeEach(() => {
    start.mockClear();
  });

  it('launches an environment', async () => {
    const context = new FakeContext();
    await choose('pytorch-1gpu', context);
    expect(start).toHaveBeenCalledWith(context, {
      environment: 'pytorch-1gpu'
    });
    expect(context.changeKernel).not.toHaveBeenCalled();
  });

  it('leaves other kernels to JupyterLab', async () => {
    const context = new FakeContext();
    await choose('python3', context);
    expect(start).not.toHaveBeenCalled();
    expect(context.changeKernel).toHaveBeenCalledWith({ name: 'python3' });
  });

  it('asks first what is to be asked in its place', async () => {
    const context = new FakeContext();
    let isAnswered = true;
    const ask = jest.fn(() => Promise.resolve(isAnswered));
    const asked = questions.set(context.asContext, ask);
    await new GpuSessionContextDialogs(switcher, questions).selectKernel(
      context.asContext
    );
    expect(ask).toHaveBeenCalledTimes(1);
    isAnswered = false;
    await choose('python3', context);
    expect(ask).toHaveBeenCalledTimes(2);
    asked.dispose();
    await choose('python3', context);
    expect(ask).toHaveBeenCalledTimes(2);
    expect(context.changeKernel).toHaveBeenCalledTimes(2);
  });

  it('leaves everything to JupyterLab without a switcher', async () => {
    const context = new FakeContext();
    await choose(
      'pytorch-1gpu',
      context,
      new GpuSessionContextDialogs(null, null)
    );
    expect(context.changeKernel).toHaveBeenCalledWith({ name: 'pytorch-1gpu' });
  });
});
