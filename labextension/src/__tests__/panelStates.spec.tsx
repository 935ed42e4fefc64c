// The panel as a whole: loading, without an engine, with sections closed; and registries.
import { CommandIDs } from '../commands/commandIds';
import { BUSY, FakeServer, json, makeLaunch } from './fakes';
import { showPanel } from './panelScreen';
import { GPU, button, rendered, settled } from './screen';

const NO_ENGINE = {
  code: 'engine_unreachable',
  message: 'No container engine answers.',
  hint: 'Start it with `sudo systemctl start docker`.'
};

function withoutEngine(): FakeServer {
  const server = new FakeServer();
  server.answers.set('GET status', {
    version: '0.1.0',
    backend: 'docker',
    demo: false,
    engine: null,
    problem: NO_ENGINE,
    spares: { count: 0, memory: null, gpus: 0 },
    findings: []
  });
  for (const what of ['images', 'environments']) {
    server.answers.set(`GET ${what}`, json(NO_ENGINE, 503));
  }
  return server;
}

describe('without an engine', () => {
  it('says once what to do, and what goes on', async () => {
    const server = withoutEngine();
    server.answers.set('GET gpus', {
      driver: null,
      problem: null,
      gpus: [GPU]
    });
    const { node, section, executed } = await showPanel(server);
    const alerts = node.querySelectorAll('[role=alert]');
    expect(alerts).toHaveLength(1);
    expect(alerts[0].textContent).toContain(NO_ENGINE.message);
    expect(alerts[0].querySelector('code')!.textContent).toBe(
      'sudo systemctl start docker'
    );
    button(alerts[0], 'Copy command');
    button(alerts[0], 'Try again').click();
    expect(executed).toEqual([[CommandIDs.refresh, {}]]);
    expect(section('GPUs')!.textContent).toContain('1 of 1 free');
    expect(section('Running')).toBeNull();
    expect(section('Images')!.textContent).toContain(
      'as soon as the container engine answers'
    );
    expect(section('Registries')!.textContent).toContain('Not logged in');
  });

  it('shows what was known before it went', async () => {
    const server = withoutEngine();
    server.answers.set('GET launches', { launches: [makeLaunch('running')] });
    const { section } = await showPanel(server);
    expect(section('Running')!.textContent).toContain('train.ipynb');
  });
});

it('says once that nothing answers', async () => {
  const server = new FakeServer();
  for (const what of ['status', 'gpus', 'images', 'environments', 'launches']) {
    server.answers.set(`GET ${what}`, json(BUSY, 503));
  }
  server.answers.set('GET registries', json(BUSY, 503));
  server.answers.set('GET catalogue', json(BUSY, 503));
  const { node } = await showPanel(server);
  expect(node.querySelectorAll('[role=alert]')).toHaveLength(1);
  expect(node.querySelectorAll('section')).toHaveLength(0);
});

it('shows where something will be until it is loaded', async () => {
  const server = new FakeServer();
  server.answers.set(
    'GET catalogue',
    () => new Promise<never>(() => undefined)
  );
  const { node, section, model, widget } = await showPanel(server, {
    isLoaded: false
  });
  for (const name of ['GPUs', 'Running', 'Images', 'Registries']) {
    expect(section(name)!.querySelector('[role=status]')!.textContent).toBe(
      'Loading…'
    );
  }
  expect(node.querySelector('[role=alert]')).toBeNull();
  await model.refresh();
  await rendered(widget);
  expect(section('GPUs')!.querySelector('[role=status]')).toBeNull();
});

it('says that it is a demonstration', async () => {
  const server = new FakeServer();
  server.answers.set('GET status', {
    version: '0.1.0',
    backend: 'memory',
    demo: true,
    engine: null,
    problem: null,
    spares: { count: 0, memory: null, gpus: 0 },
    findings: []
  });
  const { node } = await showPanel(server);
  expect(node.querySelector('[role=note]')!.textContent).toMatch(/^Demo/);
});

describe('what doctor has found', () => {
  const FINDINGS = [
    {
      name: 'disk',
      message: '3 GB are free.',
      fix: 'docker image prune',
      advice: ''
    },
    {
      name: 'nvml',
      message: 'GPU 0 failed.',
      fix: 'sudo nvidia-smi --gpu-reset -i 0',
      advice:
        'Stop all programs and run `sudo nvidia-smi --gpu-reset -i 0`, or reboot.'
    }
  ];

  it('is folded up, with commands to copy', async () => {
    const server = new FakeServer();
    const status = server.answers.get('GET status') as object;
    server.answers.set('GET status', { ...status, findings: FINDINGS });
    const { node } = await showPanel(server);
    const found = node.querySelector('details')!;
    expect(found.open).toBe(false);
    expect(found.querySelector('summary')!.textContent).toBe(
      '2 problems were found on this machine'
    );
    const commands = [...found.querySelectorAll('code')];
    expect(commands.map(code => code.textContent)).toEqual([
      'docker image prune',
      'sudo nvidia-smi --gpu-reset -i 0'
    ]);
    for (const { fix } of FINDINGS) {
      button(found, `Copy command: ${fix}`);
    }
    expect(found.textContent).toContain('Stop all programs and run');
    expect(node.querySelector('[role=alert]')).toBeNull();
  });

  it('is not there where nothing is wrong, or the engine is away', async () => {
    expect(
      (await showPanel(new FakeServer())).node.querySelector('details')
    ).toBeNull();
    const server = withoutEngine();
    const status = server.answers.get('GET status') as object;
    server.answers.set('GET status', { ...status, findings: FINDINGS });
    expect((await showPanel(server)).node.querySelector('details')).toBeNull();
  });
});

describe('a section', () => {
  it('opens and closes, and is remembered', async () => {
    const saved: string[][] = [];
    const store = {
      fetch: () =>
        Promise.resolve(saved.length ? saved[saved.length - 1] : null),
      save: (_: string, value: string[]) => {
        saved.push(value);
        return Promise.resolve();
      }
    };
    const heading = (node: Element) =>
      node.querySelector<HTMLButtonElement>('h3 > button')!;
    const { widget, section } = await showPanel(new FakeServer(), { store });
    const images = section('Images')!;
    expect(heading(images).getAttribute('aria-expanded')).toBe('true');
    const body = document.getElementById(
      heading(images).getAttribute('aria-controls')!
    )!;
    expect(body.textContent).not.toBe('');
    heading(images).click();
    await rendered(widget);
    expect(heading(images).getAttribute('aria-expanded')).toBe('false');
    expect(body.hidden).toBe(true);
    expect(body.textContent).toBe('');
    await settled();
    expect(saved).toEqual([['images']]);

    const later = await showPanel(new FakeServer(), { store });
    expect(
      heading(later.section('Images')!).getAttribute('aria-expanded')
    ).toBe('false');
    heading(later.section('Images')!).click();
    await settled();
    expect(saved).toEqual([['images'], []]);
    expect(
      heading(later.section('Images')!).getAttribute('aria-expanded')
    ).toBe('true');
  });
});

describe('the Registries section', () => {
  it('shows the registries with a login, and logs out', async () => {
    const server = new FakeServer();
    const login = { host: 'nvcr.io', username: '$oauthtoken' };
    server.answers.set('GET registries', { registries: [login] });
    const { section, executed } = await showPanel(server);
    expect(section('Registries')!.textContent).toContain('nvcr.io$oauthtoken');
    button(section('Registries')!, 'Log out of nvcr.io').click();
    expect(executed).toEqual([[CommandIDs.logout, { host: 'nvcr.io' }]]);
  });

  it('says why the logins cannot be read, and asks again', async () => {
    const server = new FakeServer();
    server.answers.set('GET registries', json(BUSY, 503));
    const { section } = await showPanel(server);
    expect(section('Registries')!.textContent).toContain(BUSY.message);
    server.answers.set('GET registries', { registries: [] });
    button(section('Registries')!, 'Try again').click();
    await settled();
    expect(section('Registries')!.textContent).toContain('Not logged in');
  });
});
