// What runs, in the panel: rows, their words, their menus.
import { Session } from '@jupyterlab/services';
import { formatTime } from '../model/clock';
import { CommandIDs } from '../commands/commandIds';
import { formatMemory } from '../model/format';
import { ILaunch } from '../client/wire';
import { BUSY, FakeServer, makeLaunch } from './fakes';
import { IPanelScreen, clickTitle, menuLabels, showPanel } from './panelScreen';
import { GPU, button, rendered } from './screen';

describe('the Running section', () => {
  async function withLaunches(launches: ILaunch[]): Promise<IPanelScreen> {
    const server = new FakeServer();
    server.answers.set('GET launches', { launches });
    server.answers.set('GET gpus', {
      driver: null,
      problem: null,
      gpus: [GPU, { ...GPU, uuid: 'GPU-2', index: 5 }]
    });
    return showPanel(server);
  }

  const row = ({ section }: IPanelScreen) =>
    section('Running')!.querySelector<HTMLElement>('.jp-GpuContainers-kernel')!;
  const kernel = (id: string, more: object = {}) =>
    ({ id, name: 'e', ...more }) as Session.IModel['kernel'];

  it('names notebook, environment, image and GPUs', async () => {
    const screen = await withLaunches([
      makeLaunch('running', { gpus: ['GPU-1', 'GPU-2'] })
    ]);
    expect(row(screen).textContent).toBe(
      'train.ipynbPyTorch 25.08 · 1 GPU · GPU 0, 5pytorch:25.08'
    );
    expect(screen.section('Running')!.textContent).toMatch(/^Running 1/);
  });

  it('says whether a cell runs, and since when none has', async () => {
    const screen = await withLaunches([
      makeLaunch('running', { kernel_id: 'k1' })
    ]);
    const since = '2020-03-01T14:50:00.000Z';
    const at = { last_activity: since };
    const session = { path: 'train.ipynb', type: 'notebook' };
    const as = (execution_state: string) => [
      { ...session, kernel: kernel('k1', { ...at, execution_state }) }
    ];
    await screen.setSessions(as('busy'));
    expect(row(screen).textContent).toContain('busy · pytorch:25.08');
    await screen.setSessions(as('idle'));
    expect(row(screen).textContent).toContain(
      `idle since ${formatTime('en', since)} · pytorch:25.08`
    );
  });

  it('says what a start is doing, and cancels it', async () => {
    const screen = await withLaunches([
      makeLaunch('waiting', {
        queue: {
          position: 2,
          length: 3,
          gpus: 1,
          since: '2026-11-21T05:00:00.000Z',
          estimate: null,
          holders: []
        }
      })
    ]);
    expect(row(screen).textContent).toContain('Waiting for a GPU, 2nd in line');
    clickTitle(row(screen), 'Cancel Start: train.ipynb');
    clickTitle(row(screen), 'Actions for train.ipynb');
    expect(menuLabels()).toEqual([
      CommandIDs.showLaunch,
      'gpu-containers:show-log',
      CommandIDs.startOnCpu,
      CommandIDs.stop
    ]);
    expect(screen.executed).toEqual([[CommandIDs.stop, { id: 'l1' }]]);
  });

  it('says what waits for kernels and what it takes, and lets it go', async () => {
    const server = new FakeServer();
    const status = server.answers.get('GET status') as object;
    const spares = { count: 2, memory: 124 * 1024 ** 2, gpus: 1 };
    server.answers.set('GET status', { ...status, spares });
    const screen = await showPanel(server);
    const line = () =>
      screen.section('Running')!.querySelector('.jp-GpuContainers-spares');
    expect(line()!.textContent).toContain(
      `2 containers wait for the next kernels · ${formatMemory(spares.memory)} of RAM · 1 GPU`
    );
    line()!.querySelector('button')!.click();
    expect(screen.executed).toEqual([[CommandIDs.giveUpSpares, {}]]);
    server.answers.set('GET status', {
      ...status,
      spares: { count: 0, memory: null, gpus: 0 },
      findings: []
    });
    await screen.model.refresh();
    await rendered(screen.widget);
    expect(line()).toBeNull();
  });

  it('has everything else in a menu, that the keyboard opens, too', async () => {
    const screen = await withLaunches([makeLaunch('running')]);
    const item = row(screen);
    const opener = button(item, 'Actions for train.ipynb');
    expect(opener.getAttribute('aria-haspopup')).toBe('menu');
    expect(item.querySelectorAll('button')).toHaveLength(3); // itself, and two at most
    opener.focus();
    // what browsers send for the menu key and for Shift+F10
    const asked = new MouseEvent('contextmenu', {
      bubbles: true,
      cancelable: true,
      button: 0
    });
    opener.dispatchEvent(asked);
    expect(asked.defaultPrevented).toBe(true);
    expect(menuLabels()).toEqual([
      CommandIDs.openNotebook,
      CommandIDs.selectEnvironment,
      'gpu-containers:open-terminal',
      'gpu-containers:show-log',
      CommandIDs.interrupt,
      CommandIDs.restart,
      CommandIDs.saveImage,
      CommandIDs.stop
    ]);
    const items = document.querySelectorAll<HTMLElement>('.lm-Menu-item');
    const restart = [...items].find(
      ({ textContent }) => textContent === CommandIDs.restart
    )!;
    const { left, top } = restart.getBoundingClientRect();
    const at = { bubbles: true, clientX: left, clientY: top };
    restart.dispatchEvent(new MouseEvent('mousemove', at));
    restart.dispatchEvent(new MouseEvent('mousedown', at));
    restart.dispatchEvent(new MouseEvent('mouseup', at));
    expect(document.activeElement).toBe(opener);
  });

  it('shuts a kernel down', async () => {
    const screen = await withLaunches([makeLaunch('running')]);
    clickTitle(row(screen), 'Shut down the kernel of train.ipynb');
    expect(screen.executed).toEqual([[CommandIDs.stop, { id: 'l1' }]]);
  });

  it('leaves the row alone that a double click finds in the place of the first', async () => {
    const screen = await withLaunches([makeLaunch('running')]);
    const title = 'Shut down the kernel of train.ipynb';
    const close = row(screen).querySelector(`[title="${title}"]`)!;
    const second = { bubbles: true, detail: 2 };
    close.dispatchEvent(new MouseEvent('click', second));
    expect(screen.executed).toEqual([]);
  });

  it('warns of a kernel that will be stopped for idleness, and keeps it', async () => {
    const since = '2020-03-01T14:50:00.000Z';
    const stop_at = '2020-03-01T15:40:00.000Z';
    const screen = await withLaunches([
      makeLaunch('running', { idle: { since, stop_at } }),
      makeLaunch('running', { id: 'l2', path: 'busy.ipynb' })
    ]);
    const rows = screen.section('Running')!.querySelectorAll('li');
    expect(rows[1].querySelector('time')).toBeNull();
    const times = [...rows[0].querySelectorAll('time')];
    expect(times.map(({ dateTime }) => dateTime)).toEqual([since, stop_at]);
    expect(times.map(({ textContent }) => textContent)).toEqual([
      `Idle since ${formatTime('en', since)}`,
      `Stops at ${formatTime('en', stop_at)}`
    ]);
    button(rows[0], 'Keep alive: train.ipynb').click();
    expect(screen.executed).toEqual([[CommandIDs.keepAlive, { id: 'l1' }]]);
  });

  it('warns of what happens to a kernel that runs on', async () => {
    const screen = await withLaunches([
      makeLaunch('running', { warnings: [BUSY] })
    ]);
    expect(row(screen).querySelector('[role=alert]')!.textContent).toBe(
      BUSY.message
    );
  });

  it('leaves out what has ended, and says how to begin', async () => {
    const { section, executed } = await withLaunches([
      makeLaunch('failed', { error: BUSY })
    ]);
    expect(section('Running')!.textContent).toContain(
      'No kernel runs in a container.'
    );
    button(section('Running')!, 'Start one for the notebook…').click();
    expect(executed).toEqual([[CommandIDs.selectEnvironment, {}]]);
  });

  it('follows a notebook that was renamed, and opens consoles', async () => {
    const screen = await withLaunches([
      makeLaunch('running', { id: 'l1', kernel_id: 'k1' }),
      makeLaunch('running', { id: 'l2', kernel_id: 'k2', path: '' })
    ]);
    const rows = () =>
      screen
        .section('Running')!
        .querySelectorAll<HTMLButtonElement>('.jp-GpuContainers-rowButton');
    const names = () => [...rows()].map(row => row.firstChild!.textContent);
    expect(names()).toEqual(['train.ipynb', 'Kernel without a notebook']);
    await screen.setSessions([
      { path: 'work/new.ipynb', type: 'notebook', kernel: kernel('k1') },
      { path: 'c-1', name: 'Console 1', type: 'console', kernel: kernel('k2') }
    ]);
    expect(names()).toEqual(['new.ipynb', 'Console 1']);
    rows().forEach(row => row.click());
    expect(screen.executed).toEqual([
      [CommandIDs.openNotebook, { path: 'work/new.ipynb', type: 'notebook' }],
      [CommandIDs.openNotebook, { path: 'c-1', type: 'console' }]
    ]);
  });
});
