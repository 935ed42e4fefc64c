// The panel, for each state of the server.
import { Session } from '@jupyterlab/services';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { formatTime } from '../model/clock';
import { CommandIDs } from '../commands/commandIds';
import { GpuContainersPanel } from '../panel/panel';
import {
  BUSY,
  FakeEvents,
  FakeServer,
  TOO_OLD,
  json,
  makeJob,
  makeJobs,
  makeLaunch,
  makeModel
} from './fakes';
import {
  GIB,
  GPU,
  HOLDER,
  IMAGE,
  button,
  rendered,
  show,
  trans
} from './screen';

describe('GpuContainersPanel', () => {
  async function panel(server: FakeServer): Promise<GpuContainersPanel> {
    const { model } = await makeModel(server);
    const made = await makeJobs(server);
    ({ events } = made);
    const { jobs, registries } = made;
    await model.refresh();
    await registries.refresh();
    return show(
      new GpuContainersPanel({
        model,
        jobs,
        registries,
        sessions: sessions as unknown as Session.IManager,
        commands,
        language: 'en',
        trans
      })
    );
  }

  /** What the panel shows of a section. */
  const section = (node: Element, name: string) =>
    node.querySelector(`section[aria-label="${name}"]`)!;

  let events: FakeEvents;
  let running: Partial<Session.IModel>[];
  const sessions = {
    running: () => running[Symbol.iterator](),
    runningChanged: new Signal<object, void>({})
  };

  let commands: CommandRegistry;
  let executed: unknown[];

  beforeEach(() => {
    commands = new CommandRegistry();
    executed = [];
    running = [];
    for (const id of Object.values(CommandIDs)) {
      commands.addCommand(id, {
        label: id,
        describedBy: { args: { type: 'object', properties: {} } },
        execute: args => executed.push([id, args])
      });
    }
  });

  it('shows the slots of shared GPUs', async () => {
    const server = new FakeServer();
    const other = { ...HOLDER, mine: false };
    const gpus = [
      {
        ...GPU,
        state: 'shared',
        slots: 3,
        slots_used: 2,
        holders: [HOLDER, other]
      },
      { ...GPU, uuid: 'GPU-2', state: 'in_use', slots: 3 }
    ];
    server.answers.set('GET gpus', { driver: null, problem: null, gpus });
    const { node } = await panel(server);
    const states = [...node.querySelectorAll('.jp-GpuContainers-state')];
    expect(states.map(({ textContent }) => textContent)).toEqual([
      'train.ipynb, user ada (2 of 3)',
      'other program'
    ]);
    expect(node.textContent).toContain('1 of 6 slots free');
  });

  it('shows GPUs with memory and who holds them', async () => {
    const server = new FakeServer();
    const gpus = [
      GPU,
      { ...GPU, uuid: 'GPU-2', index: 1, state: 'claimed', holders: [HOLDER] },
      {
        ...GPU,
        uuid: 'GPU-3',
        index: 2,
        state: 'claimed',
        holders: [{ ...HOLDER, mine: false }]
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

  it('says since when a kernel is idle, and keeps it', async () => {
    const server = new FakeServer();
    const { since, stop_at } = {
      since: '2020-03-01T14:50:00.000Z',
      stop_at: '2020-03-01T15:40:00.000Z'
    };
    server.answers.set('GET launches', {
      launches: [
        makeLaunch('running', { idle: { since, stop_at } }),
        makeLaunch('running', { id: 'l2', path: 'busy.ipynb' })
      ]
    });
    const { node } = await panel(server);
    const [idle, busy] = node.querySelectorAll('.jp-GpuContainers-kernel');
    expect(busy.querySelector('time')).toBeNull();
    const times = [...idle.querySelectorAll('time')];
    expect(times.map(({ dateTime }) => dateTime)).toEqual([since, stop_at]);
    expect(times.map(({ textContent }) => textContent)).toEqual([
      `Idle since ${formatTime('en', since)}`,
      `Stops at ${formatTime('en', stop_at)}`
    ]);
    const keep = button(idle, 'Keep alive');
    expect(keep.getAttribute('aria-label')).toBe('Keep alive: train.ipynb');
    keep.click();
    expect(executed).toEqual([[CommandIDs.keepAlive, { id: 'l1' }]]);
  });

  it('leaves out what has ended', async () => {
    const server = new FakeServer();
    server.answers.set('GET launches', {
      launches: [makeLaunch('failed', { error: BUSY })]
    });
    const { node } = await panel(server);
    expect(node.textContent).toContain('No kernel runs in a container.');
  });

  it('says whether an image runs here, in words, with the reasons', async () => {
    const server = new FakeServer();
    const image = { ...IMAGE, verdict: TOO_OLD };
    server.answers.set('GET images', { images: [image] });
    const { node } = await panel(server);
    const badge = node.querySelector('.jp-GpuContainers-badge')!;
    expect(badge.textContent).toBe('Incompatible');
    expect(badge.getAttribute('title')).toMatch(/driver >= 570.26/);
  });

  it('opens what can be done with an image', async () => {
    const server = new FakeServer();
    server.answers.set('GET images', { images: [IMAGE] });
    const { node } = await panel(server);
    node
      .querySelector<HTMLElement>('[title="Actions for PyTorch 25.08"]')!
      .click();
    const labels = [...document.querySelectorAll('.lm-Menu-itemLabel')];
    expect(labels.map(({ textContent }) => textContent)).toEqual(
      expect.arrayContaining([
        CommandIDs.showImage,
        CommandIDs.pull,
        CommandIDs.tag,
        CommandIDs.push,
        CommandIDs.removeImage
      ])
    );
  });

  it('shows a pull with a bar only where the total is known', async () => {
    const widget = await panel(new FakeServer());
    const { node } = widget;
    expect(section(node, 'Jobs')).toBeNull();
    events.emitJob(makeJob({ current: GIB }));
    await rendered(widget);
    const bar = () => section(node, 'Jobs').querySelector('progress')!;
    expect(bar().hasAttribute('value')).toBe(false);
    expect(section(node, 'Jobs').textContent).toContain('1 GiB');
    expect(section(node, 'Jobs').textContent).not.toContain('%');

    events.emitJob(
      makeJob({ current: GIB, total: 4 * GIB, speed: GIB / 8, eta: 24 })
    );
    await rendered(widget);
    expect(bar().value).toBe(0.25);
    expect(bar().getAttribute('aria-label')).toContain('pytorch:25.08');
    expect(section(node, 'Jobs').textContent).toContain('25 %');
    expect(section(node, 'Jobs').textContent).toContain(
      '1 of 4 GiB · 128 MiB/s · 24 s left'
    );
  });

  it('shows the layers of a pull', async () => {
    const widget = await panel(new FakeServer());
    const step = { status: 'Downloading', current: GIB, total: 2 * GIB };
    const steps = [
      { ...step, id: 'aa11', done: false },
      { ...step, id: 'bb22', done: true },
      { ...step, id: '', done: false }
    ];
    events.emitJob(makeJob({ steps }));
    await rendered(widget);
    const layers = widget.node.querySelector('details')!;
    expect(layers.querySelector('summary')!.textContent).toBe('1 of 2 layers');
    expect(layers.textContent).toContain('aa111 of 2 GiB');
  });

  it('keeps a failed pull until it is dismissed', async () => {
    const widget = await panel(new FakeServer());
    events.emitJob(makeJob());
    events.emitJob(makeJob({ state: 'failed', error: BUSY }));
    await rendered(widget);
    const transfers = section(widget.node, 'Jobs');
    expect(transfers.querySelector('[role=alert]')!.textContent).toContain(
      BUSY.message
    );
    button(transfers, 'Try again').click();
    const { reference } = makeJob();
    transfers
      .querySelector<HTMLElement>(`[title="Dismiss: Pull of ${reference}"]`)!
      .click();
    expect(executed).toEqual([
      [CommandIDs.pull, { reference }],
      [CommandIDs.cancelJob, { id: 'j1' }]
    ]);
  });

  it('shows the registries with a login', async () => {
    const server = new FakeServer();
    const login = { host: 'nvcr.io', username: '$oauthtoken' };
    server.answers.set('GET registries', { registries: [login] });
    const widget = await panel(server);
    await rendered(widget);
    expect(section(widget.node, 'Registries').textContent).toContain('nvcr.io');
    button(widget.node, 'Log out of nvcr.io').click();
    expect(executed).toEqual([[CommandIDs.logout, { host: 'nvcr.io' }]]);
  });

  it('says why the logins cannot be read', async () => {
    const server = new FakeServer();
    server.answers.set('GET registries', json(BUSY, 503));
    const widget = await panel(server);
    await rendered(widget);
    expect(section(widget.node, 'Registries').textContent).toContain(
      BUSY.message
    );
  });

  it('follows a notebook that was renamed, and opens consoles', async () => {
    const server = new FakeServer();
    server.answers.set('GET launches', {
      launches: [
        makeLaunch('running', { id: 'l1', kernel_id: 'k1' }),
        makeLaunch('running', { id: 'l2', kernel_id: 'k2', path: '' })
      ]
    });
    const widget = await panel(server);
    const kernels = () =>
      [
        ...section(widget.node, 'Running').querySelectorAll<HTMLButtonElement>(
          '.jp-GpuContainers-rowButton'
        )
      ].map(row => row.firstChild!.textContent);
    expect(kernels()).toEqual(['train.ipynb', 'Kernel without a notebook']);
    const kernel = (id: string) => ({ id }) as Session.IModel['kernel'];
    running = [
      { path: 'work/new.ipynb', type: 'notebook', kernel: kernel('k1') },
      { path: 'c-1', name: 'Console 1', type: 'console', kernel: kernel('k2') }
    ];
    sessions.runningChanged.emit();
    await rendered(widget);
    expect(kernels()).toEqual(['new.ipynb', 'Console 1']);
    section(widget.node, 'Running')
      .querySelectorAll<HTMLElement>('.jp-GpuContainers-rowButton')
      .forEach(row => row.click());
    expect(executed).toEqual([
      [CommandIDs.openNotebook, { path: 'work/new.ipynb', type: 'notebook' }],
      [CommandIDs.openNotebook, { path: 'c-1', type: 'console' }]
    ]);
  });
});
