// Launches that wait for a GPU: their words, the button, the notification and the dialog.
import { Notification } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { showProgress } from '../dialogs/dialogs';
import { GpuContainersModel } from '../model/model';
import { launchLabel, placeDetails, placeLabel } from '../model/queue';
import { addQueueCommands } from '../commands/queueCommands';
import { QueueNotices } from '../notices/queueNotices';
import { KernelSwitcher } from '../model/switcher';
import { EnvironmentButton } from '../widgets/environmentButton';
import { ILaunch, IQueuePlace } from '../client/wire';
import {
  FakeContext,
  FakeEvents,
  FakeServer,
  json,
  makeKernelspecs,
  makeLaunch,
  makeModel
} from './fakes';
import { button as buttonOf, rendered, show, trans } from './screen';
import { waitForDialog } from './dialogs';

function place(position: number, more: Partial<IQueuePlace> = {}): IQueuePlace {
  const since = '2026-11-21T05:00:00.000Z';
  return { position, length: 9, since, estimate: null, holders: [], ...more };
}

function waiting(position: number, more: Partial<IQueuePlace> = {}): ILaunch {
  return makeLaunch('waiting', { queue: place(position, more) });
}

describe('a place in words', () => {
  it.each([
    [1, 'Waiting for a GPU, next in line'],
    [2, 'Waiting for a GPU, 2nd in line'],
    [3, 'Waiting for a GPU, 3rd in line'],
    [11, 'Waiting for a GPU, 11th in line'],
    [21, 'Waiting for a GPU, 21st in line']
  ])('counts: %i', (position, words) => {
    expect(placeLabel(trans, place(position))).toBe(words);
  });

  it('names who has the GPUs, and a time where there is one', () => {
    const holders = ['a (ada)', 'b (ada)', 'c (eve)', 'd (eve)', 'e (eve)'];
    expect(placeDetails(trans, place(1, { holders, estimate: 1800 }))).toBe(
      'The GPUs are held by a (ada), b (ada), c (eve) and 2 more. It starts in 30 min at most.'
    );
    expect(placeDetails(trans, place(1, { holders: ['a (ada)'] }))).toBe(
      'The GPUs are held by a (ada).'
    );
    expect(placeDetails(trans, place(1))).toBe('');
  });

  it('is the phase for who does not wait', () => {
    expect(launchLabel(trans, makeLaunch('starting'))).toBe('Starting kernel');
  });
});

describe('a launch that waits', () => {
  let model: GpuContainersModel;
  let server: FakeServer;
  let events: FakeEvents;
  let switcher: KernelSwitcher;
  let commands: CommandRegistry;
  let context: FakeContext;

  beforeEach(async () => {
    server = new FakeServer();
    server.answers.set('GET launches', { launches: [waiting(2)] });
    ({ model, events } = await makeModel(server));
    switcher = new KernelSwitcher({ model, kernelspecs: makeKernelspecs() });
    commands = new CommandRegistry();
    addQueueCommands(commands, model, trans);
    context = new FakeContext();
  });

  afterEach(() => {
    switcher.dispose();
    model.dispose();
    Notification.dismiss();
  });

  it('says its place on the button, and moves up', async () => {
    const widget = await show(
      new EnvironmentButton({
        commands,
        context: context.asContext,
        model,
        switcher,
        trans
      })
    );
    void switcher.follow(context.asContext, model.launches[0]);
    await rendered(widget);
    expect(widget.node.textContent).toContain('Waiting for a GPU, 2nd in line');
    events.emit(waiting(1));
    await rendered(widget);
    expect(widget.node.textContent).toContain('next in line');
  });

  it('says its place also when the event was faster than the answer', async () => {
    server.answers.set('GET launches', { launches: [] });
    server.answers.set('POST launches', () => {
      events.emit(waiting(1, { length: 1 }));
      return json(makeLaunch('queued'), 202);
    });
    expect((await model.launch({ image: 'a:1' })).queue?.position).toBe(1);
  });

  it('has one notification, which follows it and goes', async () => {
    new QueueNotices({ commands, model, trans });
    await Promise.resolve();
    const notices = () => Notification.manager.notifications;
    expect(notices().map(({ message }) => message)).toEqual([
      'train.ipynb: Waiting for a GPU, 2nd in line.'
    ]);
    events.emit(waiting(1, { holders: ['a.ipynb (eve)'] }));
    expect(notices().map(({ message }) => message)).toEqual([
      'train.ipynb: Waiting for a GPU, next in line. The GPUs are held by a.ipynb (eve).'
    ]);
    const started = makeLaunch('creating');
    events.emit({
      ...started,
      phases: [...waiting(1).phases, started.phases[1]]
    });
    expect(notices()).toEqual([]);
  });

  it('starts on the CPU, or leaves, from the notification', async () => {
    const left: unknown[] = [];
    commands.addCommand('gpu-containers:stop', {
      describedBy: { args: { type: 'object' } },
      execute: args => {
        left.push(args.id);
      }
    });
    new QueueNotices({ commands, model, trans });
    await Promise.resolve();
    server.answers.set('PATCH launches/l1', json(makeLaunch('starting')));
    const [{ options }] = Notification.manager.notifications;
    const [onCpu, leave] = options.actions!;
    const asked = new Promise(resolve => model.launchChanged.connect(resolve));
    onCpu.callback(new MouseEvent('click'));
    await asked;
    expect(server.requests).toContainEqual({
      what: 'PATCH launches/l1',
      body: { gpus: 0 }
    });
    leave.callback(new MouseEvent('click'));
    expect(left).toEqual(['l1']);
  });

  it('can leave in the dialog, which changes when its turn comes', async () => {
    void switcher.follow(context.asContext, model.launches[0]);
    const closed = showProgress({ model, switcher, trans }, context.asContext);
    await waitForDialog();
    expect(labels()).toEqual(['Leave the Queue', 'Start on CPU', 'Close']);
    const phases = [...waiting(2).phases, { phase: 'creating', at: '' }];
    events.emit({ ...makeLaunch('creating'), phases } as ILaunch);
    await waitForDialog();
    while (labels().includes('Leave the Queue')) {
      await new Promise(resolve => requestAnimationFrame(resolve));
    }
    expect(labels()).toEqual(['Cancel Start', 'Close']);
    buttonOf(document.body, 'Close').click();
    await closed;
  });
});

function labels(): (string | null)[] {
  const buttons = document.querySelectorAll('.jp-Dialog-button');
  return [...buttons].map(({ textContent }) => textContent);
}
