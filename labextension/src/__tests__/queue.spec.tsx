// Launches that wait for a GPU: their words, and the button.
import { CommandRegistry } from '@lumino/commands';
import { GpuContainersModel } from '../model/model';
import { launchLabel, placeDetails, placeLabel } from '../model/queue';
import { KernelSwitcher } from '../model/switcher';
import { EnvironmentButton } from '../widgets/environmentButton';
import { ILaunch, IPullProgress, IQueuePlace } from '../client/wire';
import {
  FakeContext,
  FakeEvents,
  FakeServer,
  json,
  makeKernelspecs,
  makeLaunch,
  makeModel
} from './fakes';
import { rendered, show, trans } from './screen';

function place(position: number, more: Partial<IQueuePlace> = {}): IQueuePlace {
  const since = '2026-11-21T05:00:00.000Z';
  return {
    position,
    length: 9,
    gpus: 1,
    since,
    estimate: null,
    holders: [],
    ...more
  };
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

  it('says for how many it waits', () => {
    expect(placeLabel(trans, place(1, { gpus: 2 }))).toBe(
      'Waiting for 2 GPUs, next in line'
    );
    expect(placeLabel(trans, place(2, { gpus: 8 }))).toBe(
      'Waiting for 8 GPUs, 2nd in line'
    );
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

  it('is how the download gets on', () => {
    const pull = {
      job: 'j1',
      current: 3.14e9,
      total: 8.9e9,
      speed: 24e6,
      eta: 240
    };
    const said = (more: Partial<IPullProgress>) =>
      launchLabel(trans, makeLaunch('pulling', { pull: { ...pull, ...more } }));
    expect(said({})).toBe('Downloading 3.1 of 8.9 GB · 4 min left');
    expect(said({ eta: null })).toBe('Downloading 3.1 of 8.9 GB');
    expect(said({ current: 0 })).toBe('Downloading 0 of 8.9 GB · 4 min left');
    expect(said({ total: null })).toBe('Downloading');
    expect(said({ current: 8.9e9 })).toBe('Unpacking the image');
    expect(launchLabel(trans, makeLaunch('pulling'))).toBe('Downloading');
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
    context = new FakeContext();
  });

  afterEach(() => {
    switcher.dispose();
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
});
