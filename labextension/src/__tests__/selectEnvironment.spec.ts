// The command that asks for an environment: what it begins with, starts, remembers, and keeps first.
import { Dialog } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { CommandRegistry } from '@lumino/commands';
import { CommandIDs } from '../commands/commandIds';
import { addCommands } from '../commands/commands';
import { LastChoice } from '../model/lastChoice';
import { IPreset, parsePreset, rememberedOf } from '../model/preset';
import { KernelSwitcher } from '../model/switcher';
import { IPreferences } from '../tokens';
import {
  FakeContext,
  FakeServer,
  makeJobs,
  makeKernelspecs,
  makeLaunch,
  makeModel
} from './fakes';
import { acceptDialog, dismissDialog, waitForDialog } from './dialogs';
import { GIB, GPU, IMAGE, button, settled, trans } from './screen';

const OTHER = {
  ...IMAGE,
  id: 'sha256:2',
  references: ['cpu:1'],
  framework: null
};
const KERNEL = 'new-kernel';

let server: FakeServer;
let commands: CommandRegistry;
let context: FakeContext;
let preferences: IPreferences | null;
const stored = new Map<string, unknown>();
const launched = jest.fn((args: unknown) => args);
const saved = jest.fn(() => true);

const registry = {
  get: (plugin: string, key: string) => {
    const user = stored.get(`${plugin} ${key}`);
    return Promise.resolve({ composite: user ?? null, user });
  },
  set: (plugin: string, key: string, value: unknown) => {
    stored.set(`${plugin} ${key}`, value);
    return Promise.resolve();
  },
  remove: (plugin: string, key: string) => {
    stored.delete(`${plugin} ${key}`);
    return Promise.resolve();
  }
} as unknown as ISettingRegistry;

const dialog = () => document.querySelector<HTMLElement>('.jp-Dialog')!;
const startButton = () =>
  dialog().querySelector<HTMLButtonElement>(
    '.jp-Dialog-footer .jp-mod-accept'
  )!;
const chosen = () =>
  dialog().querySelector('[data-chosen] .jp-GpuContainers-title')?.textContent;

beforeEach(() => {
  stored.clear();
  launched.mockClear();
  saved.mockClear();
  preferences = null;
  context = new FakeContext();
  server = new FakeServer();
  server.answers.set('GET images', { images: [IMAGE, OTHER] });
  server.answers.set('GET gpus', { driver: null, problem: null, gpus: [GPU] });
});

afterEach(async () => {
  Dialog.flush(); // of a test that has failed
  await settled();
});

/** A page with a notebook and the commands. */
async function page(): Promise<void> {
  const { model } = await makeModel(server);
  const { jobs, registries } = await makeJobs(server);
  await model.refresh();
  const panel = {
    sessionContext: context.asContext,
    context: { path: 'train.ipynb' }
  };
  commands = new CommandRegistry();
  addCommands({
    commands,
    model,
    switcher: new KernelSwitcher({ model, kernelspecs: makeKernelspecs() }),
    jobs,
    registries,
    preferences,
    last: new LastChoice(registry),
    trans,
    findNotebook: () => panel as unknown as NotebookPanel,
    openPanel: () => undefined
  });
  const real = commands.execute.bind(commands);
  jest.spyOn(commands, 'execute').mockImplementation((id, args) => {
    if (id === CommandIDs.launch) {
      return Promise.resolve(launched(args));
    }
    return id === CommandIDs.saveImage
      ? Promise.resolve(saved())
      : real(id, args);
  });
}

/** Open the dialog. */
async function open(args = {}): Promise<void> {
  void commands.execute(CommandIDs.selectEnvironment, args);
  await waitForDialog();
  await settled();
}

describe('select environment', () => {
  it('starts what is chosen, and begins with it the next time', async () => {
    await page();
    await open({ image: 'cpu:1', gpus: 0, memory: 8 * GIB });
    await acceptDialog();
    await settled();
    const request = { image: 'cpu:1', gpus: 0, memory: 8 * GIB };
    expect(launched).toHaveBeenCalledWith({ ...request, path: 'train.ipynb' });
    expect(stored.get('jupyter-gpu-containers:last environment')).toEqual(
      request
    );

    await page(); // another page, another day
    await open();
    expect(dialog().textContent).toContain('Advanced · 8 GB RAM');
    expect(chosen()).toBe('cpu 1');
    await dismissDialog();
  });

  it('begins with the notebook’s own environment, by whatever name its image goes now', async () => {
    const environment = {
      name: 'pytorch-1gpu',
      display_name: 'PyTorch',
      reference: 'gone:1',
      image_id: OTHER.id,
      kernel: 'ir',
      gpus: 0,
      gpu_profile: null,
      gpu_uuids: [],
      memory: 4 * GIB,
      shm_size: null,
      network: null,
      idle_timeout: null,
      mounts: null,
      problem: null
    };
    server.answers.set('GET environments', { environments: [environment] });
    stored.set('lastEnvironment', { image: IMAGE.references[0], gpus: 1 });
    context = new FakeContext('pytorch-1gpu');
    await page();
    await open();
    expect(chosen()).toBe('cpu 1');
    await acceptDialog();
    await settled();
    expect(launched).toHaveBeenCalledWith({
      image: 'cpu:1',
      kernel: 'ir',
      gpus: 0,
      memory: 4 * GIB,
      path: 'train.ipynb'
    });
  });

  it('starts nothing where it is dismissed', async () => {
    await page();
    await open();
    await dismissDialog();
    await settled();
    expect(launched).not.toHaveBeenCalled();
    expect(stored.size).toBe(0);
  });

  it('leads to other kernels', async () => {
    await page();
    const picked = jest.fn();
    commands.addCommand('notebook:change-kernel', {
      describedBy: { args: { type: 'object' } },
      execute: picked
    });
    await open();
    button(dialog(), 'Other Kernel…').click();
    await settled();
    expect(picked).toHaveBeenCalledTimes(1);
    expect(launched).not.toHaveBeenCalled();
  });

  it('cannot start what is not there', async () => {
    server.answers.set('GET images', { images: [] });
    await page();
    await open();
    expect(startButton().disabled).toBe(true);
    startButton().click();
    dialog().dispatchEvent(
      new KeyboardEvent('keydown', { key: 'Enter', bubbles: true })
    );
    await settled();
    expect(dialog()).not.toBeNull();
    await dismissDialog();
    expect(launched).not.toHaveBeenCalled();
  });

  describe('of a notebook in a container', () => {
    const changes = {
      packages: [{ manager: 'pip', name: 'einops', kind: 'added' }],
      added: 1,
      changed: 0,
      size: 10
    };

    beforeEach(() => {
      context = new FakeContext('pytorch-1gpu');
      context.kernelId = KERNEL;
      const launch = makeLaunch('running', { kernel_id: KERNEL });
      server.answers.set('GET launches', { launches: [launch] });
      server.answers.set('GET launches/l1/changes', changes);
    });

    it('keeps its packages first, and goes on with what was chosen', async () => {
      await page();
      await open({ image: 'cpu:1' });
      expect(dialog().textContent).toContain('1 package (einops)');
      button(dialog(), 'Save as image first…').click();
      await settled();
      await waitForDialog();
      await settled();
      expect(saved).toHaveBeenCalledTimes(1);
      expect(chosen()).toBe('cpu 1');
      await acceptDialog();
      await settled();
      expect(launched.mock.calls[0][0]).toMatchObject({ image: 'cpu:1' });
    });

    it('says nothing of losses to who does not want to hear of them', async () => {
      const values = { confirmLosses: false };
      preferences = { values } as IPreferences;
      await page();
      await open();
      expect(dialog().querySelector('.jp-GpuContainers-loss')).toBeNull();
      const asked = server.requests.map(({ what }) => what);
      expect(asked).not.toContain('GET launches/l1/changes');
      await dismissDialog();
    });
  });
});

describe('what is remembered', () => {
  it('is never a particular GPU, nor a download', () => {
    const launch = {
      image: 'a:1',
      gpus: 1,
      gpu_uuids: ['GPU-1'],
      pull: true,
      mounts: ['faces']
    };
    expect(rememberedOf(launch)).toEqual({
      image: 'a:1',
      gpus: 1,
      mounts: ['faces']
    });
  });

  it.each([
    [null, null],
    ['a:1', null],
    [{ gpus: 1 }, null],
    [{ image: 3 }, null],
    [
      { image: 'a:1', gpus: -1, memory: 'x', mounts: ['b', 4], more: true },
      { image: 'a:1', mounts: ['b'] }
    ],
    [
      { image: 'a:1', gpus: 2, memory: GIB, kernel: 'ir' },
      { image: 'a:1', gpus: 2, memory: GIB, kernel: 'ir' }
    ]
  ] as [unknown, IPreset | null][])('is read with care: %j', (told, preset) => {
    expect(parsePreset(told)).toEqual(preset);
  });

  it('is moved from where it was kept before, once', async () => {
    const before = 'jupyter-gpu-containers:commands lastEnvironment';
    const now = 'jupyter-gpu-containers:last environment';
    stored.set(before, { image: 'a:1', gpus: 2 });
    expect(await new LastChoice(registry).get()).toEqual({
      image: 'a:1',
      gpus: 2
    });
    expect([...stored]).toEqual([[now, { image: 'a:1', gpus: 2 }]]);
    stored.set(before, { image: 'b:1' }); // by a page of an older version
    expect(await new LastChoice(registry).get()).toMatchObject({
      image: 'a:1'
    });
  });

  it('is put away where it was kept before, and could not be read', async () => {
    const before = 'jupyter-gpu-containers:commands lastEnvironment';
    stored.set(before, { image: 3 });
    expect(await new LastChoice(registry).get()).toBeNull();
    expect(stored.size).toBe(0);
  });

  it('lasts as long as the page where settings cannot be used', async () => {
    const failing = {
      get: () => Promise.reject(new Error('no settings')),
      set: () => Promise.reject(new Error('no settings'))
    } as unknown as ISettingRegistry;
    const last = new LastChoice(failing);
    expect(await last.get()).toBeNull();
    await last.set({ image: 'a:1' });
    expect(await last.get()).toEqual({ image: 'a:1' });
  });
});
