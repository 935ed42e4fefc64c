// The notification of a start: one, from its first second to its end.
/* eslint jupyter/no-untranslated-string: off -- what is expected, in English */
import { Notification } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { LaunchMemory } from '../model/launchMemory';
import { GpuContainersModel } from '../model/model';
import { KernelSwitcher } from '../model/switcher';
import { LaunchNotices, QUICK } from '../notices/launchNotices';
import { ILaunch, Phase } from '../client/wire';
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
import { trans } from './screen';

const QUEUE = {
  position: 2,
  length: 3,
  gpus: 1,
  since: '2026-11-22T18:00:00.000Z',
  estimate: null,
  holders: ['a.ipynb (eve)']
};

function launch(phases: Phase[], more: Partial<ILaunch> = {}): ILaunch {
  return makeLaunch(phases[phases.length - 1], {
    phases: phases.map(phase => ({ phase, at: new Date().toISOString() })),
    ...more
  });
}

describe('LaunchNotices', () => {
  let commands: CommandRegistry;
  let events: FakeEvents;
  let model: GpuContainersModel;
  let server: FakeServer;
  let switcher: KernelSwitcher;
  let done: string[];
  let onScreen: boolean;

  const shown = () =>
    Notification.manager.notifications.map(({ message, type }) => [
      type,
      ...message.split('\n')
    ]);
  const only = () => Notification.manager.notifications[0];
  const press = (label: string): MouseEvent => {
    const event = new MouseEvent('click', { cancelable: true });
    only()
      .options.actions!.find(action => action.label === label)!
      .callback(event);
    return event;
  };

  async function begin(
    options: Partial<LaunchNotices.IOptions> = {}
  ): Promise<void> {
    new LaunchNotices({
      commands,
      model,
      switcher,
      memory: new LaunchMemory(model),
      preferences: null,
      mayShow: () => true,
      isOnScreen: () => onScreen,
      trans,
      ...options
    });
    await Promise.resolve();
    jest.useFakeTimers({ doNotFake: ['queueMicrotask', 'nextTick'] });
  }

  beforeEach(async () => {
    Notification.dismiss();
    done = [];
    onScreen = true;
    server = new FakeServer();
    ({ events, model } = await makeModel(server));
    switcher = new KernelSwitcher({ model, kernelspecs: makeKernelspecs() });
    commands = new CommandRegistry();
    for (const id of [
      'add-image',
      'copy-report',
      'launch',
      'show-launch',
      'start-on-cpu',
      'stop'
    ]) {
      commands.addCommand(`gpu-containers:${id}`, {
        describedBy: { args: { type: 'object', properties: {} } },
        execute: args => {
          done.push(`${id} ${JSON.stringify(args)}`);
        }
      });
    }
  });

  afterEach(() => {
    jest.useRealTimers();
    switcher.dispose();
  });

  it('says nothing of a short start', async () => {
    await begin();
    events.emit(launch(['queued', 'creating']));
    jest.advanceTimersByTime(QUICK - 100);
    events.emit(launch(['queued', 'creating', 'starting', 'running']));
    jest.advanceTimersByTime(10 * QUICK);
    expect(shown()).toEqual([]);
  });

  it('tells a failure anew while its steps are not on the screen yet', async () => {
    await begin();
    events.emit(launch(['queued', 'creating']));
    jest.advanceTimersByTime(QUICK);
    const { id } = only();
    onScreen = false;
    const error = { code: 'kernel_exited', message: 'It exited.', hint: '' };
    events.emit(launch(['queued', 'creating', 'failed'], { error }));
    expect(shown()).toEqual([
      ['error', 'The kernel of train.ipynb did not start.', 'It exited.']
    ]);
    expect(only().id).not.toBe(id);
  });

  it('tells the steps, and goes when the kernel has answered', async () => {
    await begin();
    events.emit(launch(['queued', 'creating']));
    jest.advanceTimersByTime(QUICK);
    expect(shown()).toEqual([
      [
        'in-progress',
        'train.ipynb',
        '✓ Checked',
        '▸ Starting the container',
        '· Start the kernel'
      ]
    ]);
    events.emit(launch(['queued', 'creating', 'starting']));
    expect(shown()[0].slice(2)).toEqual([
      '✓ Checked',
      '✓ Container started',
      '▸ Waiting for the kernel’s answer'
    ]);
    events.emit(launch(['queued', 'creating', 'starting', 'running']));
    expect(shown()).toEqual([]);
  });

  it('tells of the queue at once, and lets its reader decide', async () => {
    await begin();
    const waiting = launch(['queued', 'waiting'], { queue: QUEUE });
    events.emit(waiting);
    expect(shown()[0][3]).toBe('▸ Waiting for a GPU, 2nd in line');
    expect(only().options.actions!.map(({ label }) => label)).toEqual([
      'Details',
      'Start on CPU',
      'Cancel Start'
    ]);
    events.emit({ ...waiting, queue: { ...QUEUE, position: 1 } });
    expect(shown()).toHaveLength(1);
    expect(shown()[0][3]).toBe('▸ Waiting for a GPU, next in line');
    // it stays until the server has done what was asked for
    for (const label of ['Details', 'Start on CPU', 'Cancel Start']) {
      expect(press(label).defaultPrevented).toBe(true);
    }
    expect(done).toEqual([
      'show-launch {"id":"l1"}',
      'start-on-cpu {"id":"l1"}',
      'stop {"id":"l1"}'
    ]);
    events.emit(launch(['queued', 'waiting', 'cancelled']));
    expect(shown()).toEqual([]);
  });

  it('shows those that were begun before a reload', async () => {
    const launches = [launch(['queued', 'waiting'], { queue: QUEUE })];
    server.answers.set('GET launches', { launches });
    ({ events, model } = await makeModel(server));
    await begin({ model });
    expect(shown()).toHaveLength(1);
  });

  it('follows a download, not more often than once a second', async () => {
    await begin();
    const pull = { job: 'j', current: 1e9, total: 8.9e9, speed: 1, eta: 240 };
    events.emit(launch(['queued', 'pulling'], { pull }));
    jest.advanceTimersByTime(QUICK);
    const line = () => shown()[0][3];
    expect(line()).toBe('▸ Downloading 1 of 8.9 GB · 4 min left');
    for (const current of [2e9, 3e9, 3.1e9]) {
      events.emit(
        launch(['queued', 'pulling'], { pull: { ...pull, current } })
      );
    }
    expect(line()).toBe('▸ Downloading 1 of 8.9 GB · 4 min left');
    jest.advanceTimersByTime(1000);
    expect(line()).toBe('▸ Downloading 3.1 of 8.9 GB · 4 min left');
  });

  it('is short enough for JupyterLab, which cuts the rest off', async () => {
    await begin();
    const path = `work/${'a-long-name-'.repeat(9)}.ipynb`;
    const holders = [
      'one.ipynb (adalovelace)',
      'two.ipynb (eve)',
      'x.ipynb (bob)'
    ];
    events.emit(
      launch(['queued', 'pulling', 'waiting'], {
        path,
        queue: { ...QUEUE, position: 22, holders, estimate: 86000 }
      })
    );
    expect(only().message.length).toBeLessThanOrEqual(140);
    expect(only().message).toContain('▸ Waiting for a GPU, 22nd in line');
  });

  it('tells who has the GPUs rather than what is still to come', async () => {
    await begin();
    const holders = ['one.ipynb (adalovelace)', 'twenty-two.ipynb (eve)'];
    const queue = { ...QUEUE, gpus: 2, holders };
    events.emit(launch(['queued', 'waiting'], { queue }));
    expect(shown()[0].slice(1)).toEqual([
      'train.ipynb',
      '✓ Checked',
      '▸ Waiting for 2 GPUs, 2nd in line',
      'The GPUs are held by one.ipynb (adalovelace), twenty-two.ipynb (eve).'
    ]);
  });

  it('stays hidden where its reader has hidden it, until it fails', async () => {
    await begin();
    const waiting = launch(['queued', 'waiting'], { queue: QUEUE });
    events.emit(waiting);
    const move = (position: number) =>
      events.emit({ ...waiting, queue: { ...QUEUE, position } });
    move(3);
    expect(only().options.autoClose).toBe(false);
    onScreen = false;
    move(4);
    expect(only().options.autoClose).toBe(0);
    const failed = launch(['queued', 'waiting', 'failed'], { error: BUSY });
    events.emit(failed);
    expect(only().options.autoClose).toBe(false);
    expect(shown()).toEqual([
      ['error', 'The kernel of train.ipynb did not start.', BUSY.message]
    ]);
  });

  it.each([
    ['requirement_not_met', false],
    ['out_of_memory', true] // it says how much there may be
  ])('tells %s anew once limits are known: %s', async (code, isAnew) => {
    await begin();
    events.emit(launch(['queued', 'waiting'], { queue: QUEUE }));
    onScreen = false;
    const error = { code, message: 'It failed.', hint: '' };
    events.emit(launch(['queued', 'waiting', 'failed'], { error }));
    const { id } = only();
    jest.useRealTimers();
    await new Promise(resolve => setTimeout(resolve));
    expect(model.limits).not.toBeNull();
    expect(only().id !== id).toBe(isAnew);
  });

  it('says why it failed, what can be done, and the last line of the log', async () => {
    await begin();
    const error = {
      code: 'image_not_found',
      message: 'It is not here.',
      hint: 'Get it.',
      log: 'one\nlicence not accepted\n'
    };
    events.emit(launch(['queued', 'creating']));
    events.emit(launch(['queued', 'creating', 'failed'], { error }));
    expect(shown()).toEqual([
      [
        'error',
        'The kernel of train.ipynb did not start.',
        'It is not here.',
        '“licence not accepted”'
      ]
    ]);
    expect(press('Copy report').defaultPrevented).toBe(true);
    expect(press('Details').defaultPrevented).toBe(true);
    expect(press('Get the image…').defaultPrevented).toBe(false);
    expect(done).toEqual([
      'copy-report {"id":"l1"}',
      'show-launch {"id":"l1"}',
      'add-image {"reference":"pytorch:25.08"}'
    ]);
  });

  it('tells a failure once, also where the server accepted nothing', async () => {
    await begin();
    jest.useRealTimers();
    const context = new FakeContext();
    server.answers.set('POST launches', json(BUSY, 409));
    await switcher.start(context.asContext, { image: 'a:1' });
    expect(shown()).toEqual([
      ['error', 'The kernel of train.ipynb did not start.', BUSY.message]
    ]);
    Notification.dismiss();
    const failed = launch(['queued', 'creating', 'failed'], { error: BUSY });
    server.answers.set(
      'POST launches',
      json(launch(['queued', 'creating']), 202)
    );
    const ended = switcher.start(context.asContext, { image: 'a:1' });
    await new Promise(resolve => setTimeout(resolve));
    events.emit(failed);
    await ended;
    expect(shown()).toHaveLength(1);
  });

  it('leaves the death of a kernel that ran to its notebook', async () => {
    await begin();
    events.emit(launch(['queued', 'creating']));
    jest.advanceTimersByTime(QUICK);
    const error = { ...BUSY, code: 'out_of_memory' };
    events.emit(launch(['queued', 'running', 'failed'], { error }));
    expect(shown()).toEqual([]);
  });

  it('can be switched off, but for failures; others’ starts are not told', async () => {
    const values = { launchNotifications: false };
    const preferences = { values } as LaunchNotices.IOptions['preferences'];
    await begin({ preferences });
    events.emit(launch(['queued', 'waiting'], { queue: QUEUE }));
    expect(shown()).toEqual([]);
    events.emit(launch(['queued', 'waiting', 'failed'], { error: BUSY }));
    expect(shown()).toHaveLength(1);
    Notification.dismiss();
    await begin({ mayShow: () => false });
    const others = { id: 'l2', queue: QUEUE };
    events.emit(launch(['queued', 'waiting'], others));
    // the first notices tell nothing, since they are switched off
    expect(shown()).toEqual([]);
  });
});
