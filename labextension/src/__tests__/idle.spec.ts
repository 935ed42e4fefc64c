// Kernels that nobody uses: their words, the notification, and the command that keeps them.
import { Notification } from '@jupyterlab/apputils';
import { Session } from '@jupyterlab/services';
import { Gettext } from '@jupyterlab/translation/lib/gettext';
import { CommandRegistry } from '@lumino/commands';
import { formatTime } from '../model/clock';
import { CommandIDs } from '../commands/commandIds';
import { idleWarning, idleness, inSentence, wasCulled } from '../model/idle';
import { addIdleCommands } from '../commands/idleCommands';
import { IdleNotices } from '../notices/idleNotices';
import { GpuContainersModel } from '../model/model';
import { IIdleness, ILaunch } from '../client/wire';
import { FakeEvents, FakeServer, json, makeLaunch, makeModel } from './fakes';
import { button, settled, trans } from './screen';
import { waitForDialog } from './dialogs';

/** A time of this 22 November, where the tests run. */
const at = (hour: number, minute: number, day = 22) =>
  new Date(2026, 10, day, hour, minute).toISOString();

/** Since 14:50, until 15:40. */
const IDLE: IIdleness = { since: at(14, 50), stop_at: at(15, 40) };
const LATER: IIdleness = { since: at(14, 50), stop_at: at(16, 10) };

function idle(more: Partial<ILaunch> = {}): ILaunch {
  return makeLaunch('running', { idle: IDLE, gpus: ['GPU-1'], ...more });
}

beforeEach(() => {
  // the clock stands still, nothing else does
  jest.useFakeTimers({
    now: new Date(2026, 10, 22, 15, 30),
    doNotFake: [
      'cancelAnimationFrame',
      'cancelIdleCallback',
      'clearImmediate',
      'clearInterval',
      'clearTimeout',
      'hrtime',
      'nextTick',
      'performance',
      'queueMicrotask',
      'requestAnimationFrame',
      'requestIdleCallback',
      'setImmediate',
      'setInterval',
      'setTimeout'
    ]
  });
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

describe('a time', () => {
  // between the time and "PM" stands a space of another width
  const told = (language: string, iso: string) =>
    formatTime(language, iso).replace(/\s/g, ' ');

  it('is written as in the language of the user', () => {
    expect(told('de', at(14, 50))).toBe('14:50');
    expect(told('en', at(14, 50))).toBe('2:50 PM');
  });

  it('is written as in the region of the user, where the browser knows it', () => {
    jest
      .spyOn(navigator, 'languages', 'get')
      .mockReturnValue(['fr-CA', 'en-GB', 'en-US']);
    expect(told('en', at(14, 50))).toBe('14:50');
    expect(told('de', at(14, 50))).toBe('14:50');
    expect(told('en-US', at(14, 50))).toBe('2:50 PM');
  });

  it('has its date where that is another day', () => {
    expect(told('en', at(23, 10, 21))).toBe('Nov 21, 11:10 PM');
    expect(told('de', at(0, 10, 23))).toMatch(/^23\. Nov\.?, 0?0:10$/);
  });

  it('survives tags and times that are none', () => {
    expect(told('not a_tag', at(14, 50))).toMatch(/50/);
    expect(told('en', '<b>soon</b>')).toBe('<b>soon</b>');
  });
});

describe('the warning in words', () => {
  const words = (launch: ILaunch, name = 'n.ipynb', speaker = trans) =>
    idleWarning(speaker, 'de', name, launch, IDLE);

  it('tells the time of the end, and why', () => {
    expect(words(idle())).toBe(
      'The kernel of n.ipynb will be stopped at 15:40: nothing has run since 14:50 and its GPU is idle.'
    );
    expect(words(idle({ gpus: ['a', 'b'] }))).toBe(
      'The kernel of n.ipynb will be stopped at 15:40: nothing has run since 14:50 and its 2 GPUs are idle.'
    );
    expect(words(idle({ gpus: [] }))).toBe(
      'The kernel of n.ipynb will be stopped at 15:40: nothing has run since 14:50.'
    );
  });

  it('has as many plurals as a language needs', () => {
    const polish = new Gettext({ domain: 'gpu', locale: 'pl' });
    const key =
      'The kernel of %2 will be stopped at %3: nothing has run since %4 and its GPU is idle.';
    const data = {
      '': {
        domain: 'gpu',
        language: 'pl',
        pluralForms:
          'nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2);'
      },
      [key]: ['%2 %3 %4: GPU', '%2 %3 %4: %1 karty', '%2 %3 %4: %1 kart']
    };
    polish.loadJSON(data, 'gpu');
    const of = (count: number) =>
      words(idle({ gpus: Array<string>(count).fill('x') }), 'n', polish);
    expect([of(1), of(3), of(5)]).toEqual([
      'n 15:40 14:50: GPU',
      'n 15:40 14:50: 3 karty',
      'n 15:40 14:50: 5 kart'
    ]);
  });

  it('fits into the 140 characters that JupyterLab shows', () => {
    const name = `${'long '.repeat(60)}.ipynb`;
    const launch = idle({ gpus: Array<string>(16).fill('x') });
    const yesterday = { since: at(9, 50, 21), stop_at: at(0, 10, 23) };
    const said = idleWarning(trans, 'en', name, launch, yesterday);
    expect(said).toContain('… long .ipynb');
    expect(said).toContain('12:10');
    expect(said.slice(0, 140)).toContain('nothing has run since Nov 21, 9:50');
  });

  it.each([
    ['a\u202egnp.ipynb', 'a gnp.ipynb'],
    ['a\nKernel saved.\u2028.ipynb', 'a Kernel saved. .ipynb'],
    ['%1 %2 $& %', '%1 %2 $& %'],
    ['<img src=x onerror=alert(1)>', '<img src=x onerror=alert(1)>'],
    ['👩‍🔬.ipynb', '👩‍🔬.ipynb'],
    ['🧪'.repeat(50), `${'🧪'.repeat(23)}…${'🧪'.repeat(12)}`]
  ])('takes any name: %j', (name, called) => {
    expect(inSentence(name)).toBe(called);
    expect(words(idle(), name)).toContain(`of ${called} will`);
  });
});

describe('what is known of idleness', () => {
  it('holds for kernels that run', () => {
    expect(idleness(idle())).toEqual(IDLE);
    expect(idleness(makeLaunch('running'))).toBeNull();
    expect(idleness(makeLaunch('cancelled', { idle: IDLE }))).toBeNull();
  });

  it('may be missing: an older server', () => {
    const older: Partial<ILaunch> = makeLaunch('running');
    delete older.idle;
    expect(idleness(older as ILaunch)).toBeNull();
  });

  it('tells stopped for idleness from every other end', () => {
    const error = { code: 'culled', message: '', hint: '' };
    expect(wasCulled(makeLaunch('cancelled', { error }))).toBe(true);
    expect(wasCulled(makeLaunch('failed', { error }))).toBe(true);
    expect(wasCulled(makeLaunch('running', { error }))).toBe(false);
    expect(wasCulled(makeLaunch('cancelled'))).toBe(false);
  });
});

describe('a kernel that will be stopped', () => {
  let model: GpuContainersModel;
  let server: FakeServer;
  let events: FakeEvents;
  let commands: CommandRegistry;
  let current: string | undefined;
  let running: Partial<Session.IModel>[];

  /** What a page does when it is opened. */
  async function open(...launches: ILaunch[]): Promise<void> {
    server = new FakeServer();
    server.answers.set('GET launches', { launches });
    ({ model, events } = await makeModel(server));
    commands = new CommandRegistry();
    const currentKernel = () => current;
    addIdleCommands({ commands, model, trans, currentKernel });
    const sessions = {
      ready: Promise.resolve(),
      running: () => running.values() as IterableIterator<Session.IModel>
    };
    new IdleNotices({ commands, model, sessions, language: 'de', trans });
    await settled();
  }

  beforeEach(() => {
    current = undefined;
    running = [];
  });

  afterEach(() => {
    model.dispose();
    Notification.dismiss();
  });

  const notices = () => Notification.manager.notifications;
  const times = () =>
    notices()
      .map(({ message }) => /of (\S+) .* at (\S+):/.exec(message)!)
      .map(([, name, time]) => `${name} ${time}`)
      .sort();

  it('has a notification, also after the page was reloaded', async () => {
    await open(idle());
    expect(notices().map(({ message, type }) => [type, message])).toEqual([
      [
        'warning',
        'The kernel of train.ipynb will be stopped at 15:40: nothing has run since 14:50 and its GPU is idle.'
      ]
    ]);
    expect(notices()[0].options.autoClose).toBe(false);
  });

  it('is called as its notebook is called now, or by its environment', async () => {
    running = [
      { path: 'x/new.ipynb', kernel: { id: 'new-kernel' } as never },
      { path: 'x/other.ipynb', kernel: { id: 'k2' } as never }
    ];
    await open(idle(), idle({ id: 'l3', kernel_id: 'k3', path: '' }));
    expect(notices().map(({ message }) => message.slice(0, 41))).toEqual([
      'The kernel of PyTorch 25.08 · 1 GPU will ',
      'The kernel of new.ipynb will be stopped a'
    ]);
  });

  it('loses the notification when it is used', async () => {
    await open(makeLaunch('running'));
    expect(notices()).toEqual([]);
    events.emit(idle());
    expect(times()).toEqual(['train.ipynb 15:40']);
    events.emit(makeLaunch('running'));
    expect(notices()).toEqual([]);
  });

  it('loses the notification when it ends, in whatever way', async () => {
    await open(idle());
    const { phases } = makeLaunch('cancelled');
    events.emit(idle({ phase: 'failed', phases: [...phases, ...phases] }));
    expect(notices()).toEqual([]);
  });

  it('loses the notification when the server knows it no longer', async () => {
    await open(idle());
    server.answers.set('GET launches', { launches: [] });
    await model.refresh();
    expect(notices()).toEqual([]);
  });

  it('has one notification, which tells the time as it changes', async () => {
    await open(idle());
    const [{ id }] = notices();
    events.emit(idle({ idle: LATER }));
    expect(times()).toEqual(['train.ipynb 16:10']);
    expect(notices()[0].id).toBe(id);
    expect(notices()[0].options.actions).toHaveLength(1);
  });

  it('shares no notification with another kernel', async () => {
    const other = idle({ id: 'l2', kernel_id: 'k2', path: 'two.ipynb' });
    await open(idle(), other);
    expect(times()).toEqual(['train.ipynb 15:40', 'two.ipynb 15:40']);
    events.emit({ ...other, idle: LATER });
    expect(times()).toEqual(['train.ipynb 15:40', 'two.ipynb 16:10']);
    events.emit({ ...other, idle: null });
    expect(times()).toEqual(['train.ipynb 15:40']);
  });

  it('is warned of again only if the time of the end has changed', async () => {
    await open(idle());
    const changes: string[] = [];
    Notification.manager.changed.connect((_, { type }) => changes.push(type));
    Notification.dismiss(notices()[0].id);
    events.emit(idle({ warnings: [{ code: 'a', message: 'b', hint: '' }] }));
    await model.refresh();
    // the server has put the time right, by less than anybody reads
    const right = new Date(2026, 10, 22, 15, 40, 7).toISOString();
    events.emit(idle({ idle: { ...IDLE, stop_at: right } }));
    expect(notices()).toEqual([]);
    expect(changes).toEqual(['removed']);
    events.emit(idle({ idle: LATER }));
    expect(times()).toEqual(['train.ipynb 16:10']);
    expect(notices()[0].options.actions).toHaveLength(1);
    // where it is only hidden, JupyterLab shows it again with every update
    events.emit(idle({ idle: LATER }));
    expect(changes).toEqual(['removed', 'added']);
  });

  it('is warned of again when it is idle again', async () => {
    await open(idle());
    Notification.dismiss(notices()[0].id);
    events.emit(makeLaunch('running'));
    events.emit(idle());
    expect(times()).toEqual(['train.ipynb 15:40']);
  });

  it('is kept from the notification, which goes when the server says so', async () => {
    await open(idle());
    server.answers.set('POST launches/l1/keep-alive', () => {
      expect(notices()).toHaveLength(1);
      return makeLaunch('running');
    });
    const [action] = notices()[0].options.actions!;
    expect(action.label).toBe('Keep alive');
    const click = new MouseEvent('click', { cancelable: true });
    action.callback(click);
    // or JupyterLab removes the notification whatever the server says
    expect(click.defaultPrevented).toBe(true);
    await settled();
    expect(server.requests).toContainEqual({
      what: 'POST launches/l1/keep-alive',
      body: {}
    });
    expect(notices()).toEqual([]);
    expect(model.launches[0].idle).toBeNull();
  });

  it('is warned of on when it cannot be kept, with the reason', async () => {
    await open(idle());
    const problem = { code: 'no', message: 'The engine is away.', hint: '' };
    server.answers.set('POST launches/l1/keep-alive', json(problem, 503));
    const done = commands.execute(CommandIDs.keepAlive, { id: 'l1' });
    await waitForDialog();
    await settled();
    expect(document.body.textContent).toContain(problem.message);
    button(document.body, 'Close').click();
    expect(await done).toBe(false);
    expect(times()).toEqual(['train.ipynb 15:40']);
  });

  it('is shown as it is when it had ended before it was kept', async () => {
    await open(idle());
    const gone = { code: 'kernel_not_running', message: 'Gone.', hint: '' };
    server.answers.set('POST launches/l1/keep-alive', json(gone, 409));
    const ended = makeLaunch('cancelled');
    const phases = [...idle().phases, ended.phases[2]];
    server.answers.set('GET launches', { launches: [{ ...ended, phases }] });
    const done = commands.execute(CommandIDs.keepAlive, { id: 'l1' });
    await waitForDialog();
    await settled();
    expect(notices()).toEqual([]);
    button(document.body, 'Close').click();
    await done;
  });

  it('is by default the current notebook’s', async () => {
    const other = idle({ id: 'l2', kernel_id: 'k2' });
    await open(idle(), other);
    expect(commands.isEnabled(CommandIDs.keepAlive)).toBe(false);
    expect(await commands.execute(CommandIDs.keepAlive)).toBe(false);
    current = 'k2';
    expect(commands.isEnabled(CommandIDs.keepAlive)).toBe(true);
    server.answers.set('POST launches/l2/keep-alive', {
      ...other,
      idle: null
    });
    expect(await commands.execute(CommandIDs.keepAlive)).toBe(true);
    expect(times()).toEqual(['train.ipynb 15:40']);
    current = 'outside-of-containers';
    expect(commands.isEnabled(CommandIDs.keepAlive)).toBe(false);
  });

  it('stays kept when a list that was asked for before comes after', async () => {
    await open(idle());
    let answer = (): void => undefined;
    const late = new Promise<void>(resolve => {
      answer = resolve;
    });
    const launches = [idle()];
    server.answers.set('GET launches', () => late.then(() => ({ launches })));
    const refreshed = model.refresh();
    events.emit(makeLaunch('running'));
    answer();
    await refreshed;
    expect(model.launches[0].idle).toBeNull();
    expect(notices()).toEqual([]);
  });
});
