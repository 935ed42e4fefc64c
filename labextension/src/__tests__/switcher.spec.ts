// Moving a notebook to a launched kernel: the old one stays until the new one runs.
import { IKernelSwitcher } from '../tokens';
import { GpuContainersModel } from '../model/model';
import { KernelSwitcher } from '../model/switcher';
import {
  BUSY,
  FakeContext,
  FakeEvents,
  FakeServer,
  json,
  makeKernelspecs,
  makeLaunch,
  makeModel
} from './fakes';

describe('KernelSwitcher', () => {
  let model: GpuContainersModel;
  let server: FakeServer;
  let events: FakeEvents;
  let switcher: KernelSwitcher;
  let failures: IKernelSwitcher.IFailure[];
  let kernelspecs: ReturnType<typeof makeKernelspecs>;

  beforeEach(async () => {
    ({ model, server, events } = await makeModel());
    kernelspecs = makeKernelspecs();
    switcher = new KernelSwitcher({ model, kernelspecs });
    failures = [];
    switcher.failed.connect((_, failure) => failures.push(failure));
    server.answers.set('POST launches', json(makeLaunch('queued'), 202));
    server.answers.set('GET launches', () => ({
      launches: [...model.launches]
    }));
  });

  afterEach(() => {
    switcher.dispose();
  });

  it('changes the kernel only when the new one runs', async () => {
    const context = new FakeContext();
    const done = switcher.start(context.asContext, {
      environment: 'pytorch-1gpu'
    });
    expect(switcher.pending(context.asContext)).not.toBeNull();
    await accepted(switcher, context);
    expect(context.kernelId).toBe('old-kernel');
    events.emit(makeLaunch('running'));
    expect(await done).toBe(true);
    expect(context.changeKernel).toHaveBeenCalledWith({ id: 'new-kernel' });
    expect(switcher.pending(context.asContext)).toBeNull();
  });

  it('hands over the GPUs of a kernel of ours, but of no other', async () => {
    for (const [name, replaces] of [
      ['python3', null],
      ['pytorch-1gpu', 'old-kernel']
    ] as const) {
      const context = new FakeContext(name);
      const done = switcher.start(context.asContext, { image: 'a:1', gpus: 1 });
      await accepted(switcher, context);
      const { body } = server.requests
        .filter(({ what }) => what === 'POST launches')
        .pop()!;
      expect(body).toEqual({
        image: 'a:1',
        gpus: 1,
        path: 'train.ipynb',
        replaces
      });
      events.emit(makeLaunch('running'));
      await done;
    }
  });

  it('asks for kernelspecs anew when the environment was just made', async () => {
    const context = new FakeContext();
    const launch = makeLaunch('running', { environment: 'just-made' });
    server.answers.set('POST launches', json(launch, 202));
    await switcher.start(context.asContext, { image: 'a:1' });
    expect(kernelspecs.refreshSpecs).toHaveBeenCalled();
  });

  it('looks for sessions that have ended before the kernel is changed', async () => {
    const context = new FakeContext();
    const order: string[] = [];
    const looking = new KernelSwitcher({
      model,
      kernelspecs,
      refreshSessions: () => {
        order.push('look');
        return Promise.reject(new Error('Nobody answers.'));
      }
    });
    context.changeKernel.mockImplementation(() => {
      order.push('change');
      return Promise.resolve(null);
    });
    server.answers.set('POST launches', json(makeLaunch('running'), 202));
    expect(await looking.start(context.asContext, { gpus: 1 })).toBe(true);
    expect(order).toEqual(['look', 'change']);
    looking.dispose();
  });

  it('leaves the old kernel when the launch is refused', async () => {
    const context = new FakeContext();
    server.answers.set('POST launches', json(BUSY, 409));
    expect(await switcher.start(context.asContext, { gpus: 2 })).toBe(false);
    expect(context.changeKernel).not.toHaveBeenCalled();
    expect(failures.map(({ problem }) => problem)).toEqual([BUSY]);
  });

  it('leaves the old kernel when the launch fails', async () => {
    const context = new FakeContext();
    const done = switcher.start(context.asContext, { gpus: 2 });
    await accepted(switcher, context);
    events.emit(makeLaunch('failed', { error: BUSY }));
    expect(await done).toBe(false);
    expect(context.changeKernel).not.toHaveBeenCalled();
    expect(failures[0]).toMatchObject({
      displayName: 'PyTorch 25.08 · 1 GPU',
      problem: BUSY
    });
  });

  it('leaves a kernel that another page has given to the notebook', async () => {
    const context = new FakeContext();
    context.changeKernel.mockRejectedValueOnce(new Error('no session'));
    const isTaken = jest.fn().mockReturnValue(true);
    const second = new KernelSwitcher({ model, kernelspecs, isTaken });
    const launch = makeLaunch('running');
    server.answers.set('POST launches', json(launch, 202));
    expect(await second.start(context.asContext, {})).toBe(false);
    expect(isTaken).toHaveBeenCalledWith(launch.kernel_id);
    const asked = server.requests.map(({ what }) => what);
    expect(asked.filter(what => what.startsWith('DELETE'))).toEqual([]);
    second.dispose();
  });

  it('ends the new kernel when the notebook cannot be attached', async () => {
    const context = new FakeContext();
    context.changeKernel.mockRejectedValueOnce(new Error('no session'));
    const done = switcher.start(context.asContext, {});
    await accepted(switcher, context);
    events.emit(makeLaunch('running'));
    expect(await done).toBe(false);
    expect(server.requests.map(({ what }) => what)).toContain(
      'DELETE launches/l1'
    );
    expect(failures[0].problem.message).toBe('no session');
  });

  it('does not report what the user cancelled', async () => {
    const context = new FakeContext();
    const done = switcher.start(context.asContext, {});
    await accepted(switcher, context);
    events.emit(makeLaunch('cancelled'));
    expect(await done).toBe(false);
    expect(failures).toEqual([]);
  });

  it('gives up a switch for a later one', async () => {
    const context = new FakeContext();
    const first = switcher.start(context.asContext, { image: 'a:1' });
    await accepted(switcher, context);
    server.answers.set('DELETE launches/l1', () => {
      events.emit(makeLaunch('cancelled'));
      return new Response(null, { status: 204 });
    });
    const next = makeLaunch('running', { id: 'l2', kernel_id: 'newer-kernel' });
    server.answers.set('POST launches', json(next, 202));
    const second = switcher.start(context.asContext, { image: 'b:1' });
    expect(await first).toBe(false);
    expect(await second).toBe(true);
    expect(context.changeKernel.mock.calls).toEqual([[{ id: 'newer-kernel' }]]);
    expect(failures).toEqual([]);
  });

  it('follows a launch that was begun before the page was loaded, once', async () => {
    const context = new FakeContext();
    const launch = makeLaunch('starting');
    events.emit(launch);
    const first = switcher.follow(context.asContext, launch);
    const second = switcher.follow(context.asContext, launch);
    events.emit(makeLaunch('running'));
    expect(await Promise.all([first, second])).toEqual([true, true]);
    expect(context.changeKernel).toHaveBeenCalledTimes(1);
    expect(server.requests.map(({ what }) => what)).not.toContain(
      'POST launches'
    );
  });

  it('knows environments by their metadata', () => {
    expect(switcher.environment('python3')).toBeNull();
    expect(switcher.environment('gone')).toBeNull();
    expect(switcher.environment('pytorch-1gpu')).toEqual({
      image: 'pytorch:25.08',
      gpus: 1
    });
  });
});

/** Resolves once the server has accepted the launch of a notebook. */
async function accepted(
  switcher: KernelSwitcher,
  context: FakeContext
): Promise<void> {
  const isAccepted = () => switcher.pending(context.asContext)?.launch;
  if (!isAccepted()) {
    await new Promise<void>(resolve => {
      switcher.changed.connect(() => {
        if (isAccepted()) {
          resolve();
        }
      });
    });
  }
}
