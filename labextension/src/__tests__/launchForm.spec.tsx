// The dialog of environments in every state: what is offered, chosen, asked for, and said.
import { ILaunchState, LaunchForm } from '../forms/launchForm';
import { GpuContainersModel } from '../model/model';
import { ICatalogueEntry, IImageDetails } from '../client/wireImages';
import {
  BUSY,
  FakeServer,
  LIMITS,
  TOO_OLD,
  UNAUTHORIZED,
  json,
  makeJob,
  makeJobs,
  makeModel
} from './fakes';
import {
  GIB,
  GPU,
  HOLDER,
  IMAGE,
  button,
  settled,
  show,
  trans,
  type
} from './screen';

const TORCH = 'nvcr.io/nvidia/pytorch:26.07-py3';
const OLDER = 'nvcr.io/nvidia/pytorch:23.10-py3';
const RUNS = { verdict: 'compatible' as const, gpus: [], reasons: [] };
const CPU = {
  ...IMAGE,
  id: 'sha256:2',
  references: ['cpu:1'],
  framework: null,
  cuda: null
};

const ENTRY: ICatalogueEntry = {
  ...{ name: 'ngc-pytorch', title: trans.__('PyTorch by NVIDIA') },
  description: '',
  reference: TORCH,
  link: '',
  licence: '',
  framework: 'PyTorch',
  vendor: 'NVIDIA',
  verdict: RUNS,
  on_engine: false,
  download: 8.9e9,
  fetch_seconds: 240,
  tags: [TORCH, OLDER],
  runs_here: TORCH
};

const DETAILS: IImageDetails = {
  ...IMAGE,
  reference: TORCH,
  references: [],
  kernels: null,
  on_engine: false,
  size: null,
  download: 8.9e9,
  fetch_seconds: 240,
  digest: null,
  platforms: [],
  verdict: RUNS
};

/** The path of a question about an image. */
const about = (reference: string) =>
  `GET images/${reference.replace(':', '%3A')}`;
const TAGS = 'GET registries/nvcr.io/tags?repository=nvidia%2Fpytorch';

describe('LaunchForm', () => {
  let server: FakeServer;
  let model: GpuContainersModel;
  let state: ILaunchState | null;
  const onSubmit = jest.fn();
  const onLook = jest.fn();

  beforeEach(() => {
    state = null;
    onSubmit.mockClear();
    onLook.mockClear();
    server = new FakeServer();
    const gpus = [
      GPU,
      {
        ...GPU,
        uuid: 'GPU-2',
        state: 'claimed',
        holders: [HOLDER, { ...HOLDER, mine: false }]
      }
    ];
    server.answers.set('GET images', { images: [IMAGE, CPU] });
    server.answers.set('GET gpus', { driver: null, problem: null, gpus });
    server.answers.set('GET catalogue', { entries: [ENTRY] });
    server.answers.set(about(TORCH), DETAILS);
    server.answers.set(TAGS, {
      repository: 'nvcr.io/nvidia/pytorch',
      tags: ['26.07-py3', '25.08-py3', '23.10-py3'],
      total: 3
    });
  });

  async function form(
    options: Partial<LaunchForm.IOptions> = {}
  ): Promise<LaunchForm> {
    ({ model } = await makeModel(server));
    const { registries, jobs } = await makeJobs(server);
    await Promise.all([model.refresh(), model.loadLimits()]);
    const widget = await show(
      new LaunchForm({
        model,
        registries,
        jobs,
        trans,
        onSubmit,
        onLook,
        onAddImage: jest.fn(),
        onState: told => {
          state = told;
        },
        ...options
      })
    );
    await settled();
    return widget;
  }

  /** Wait until what was typed or chosen has rested, and registries have answered. */
  async function rested(): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, 900));
    await settled();
  }

  const search = (widget: LaunchForm) =>
    widget.node.querySelector<HTMLInputElement>('input[type=search]')!;
  const key = (node: Element, name: string) =>
    node.dispatchEvent(
      new KeyboardEvent('keydown', {
        key: name,
        bubbles: true,
        cancelable: true
      })
    );
  const groups = (widget: LaunchForm) =>
    [...widget.node.querySelectorAll('[role=group]')].map(group => [
      group.getAttribute('aria-label'),
      [...group.querySelectorAll('.jp-GpuContainers-title')].map(
        ({ textContent }) => textContent
      )
    ]);
  const radio = (widget: LaunchForm, title: string) =>
    [...widget.node.querySelectorAll('label')]
      .find(label => label.textContent?.startsWith(title))!
      .querySelector<HTMLInputElement>('input[type=radio]')!;
  const right = (widget: LaunchForm) =>
    widget.node.querySelector('.jp-GpuContainers-choiceDetails')!;

  describe('of images on this machine', () => {
    it('begins with the first that runs here and one GPU', async () => {
      const broken = { ...IMAGE, id: 'sha256:0', verdict: TOO_OLD };
      server.answers.set('GET images', { images: [broken, IMAGE, CPU] });
      const widget = await form();
      expect(widget.getValue()).toEqual({
        image: IMAGE.references[0],
        gpus: 1
      });
      expect(widget.node.textContent).toContain('1 of 2 free now');
      expect(state!.label).toBe('Start');
    });

    it('begins with the present environment', async () => {
      const preset = {
        image: 'cpu:1',
        gpus: 2,
        memory: 8 * GIB,
        shm_size: null,
        kernel: 'ir'
      };
      const widget = await form({ preset });
      expect(widget.getValue()).toEqual({
        image: 'cpu:1',
        gpus: 2,
        memory: 8 * GIB,
        kernel: 'ir'
      });
    });

    it('begins with what was started last', async () => {
      const last = { image: 'cpu:1', gpus: 2, shm_size: 8 * GIB };
      expect((await form({ last })).getValue()).toEqual(last);
      const other = await form({ last });
      button(other.node, 'Start PyTorch 25.08').click();
      expect(other.getValue()?.gpus).toBe(1); // its own usual number
      const gone = { ...last, image: 'gone:1' };
      expect((await form({ last: gone })).getValue()?.image).toBe(
        IMAGE.references[0]
      );
      const preset = { image: IMAGE.id };
      expect((await form({ last, preset })).getValue()).toEqual({
        image: IMAGE.references[0],
        gpus: 1
      });
    });

    it('keeps to what a remedy asks for, in the last environment', async () => {
      const last = { image: 'cpu:1', gpus: 1 };
      const preset = { shm_size: 8 * GIB };
      const widget = await form({ last, preset });
      expect(widget.getValue()).toEqual({ ...last, ...preset });
      const advanced = widget.node.querySelector('details')!;
      expect(advanced.open).toBe(true);
      expect(advanced.textContent).toContain('8 GiB shared');
    });

    it('asks for no GPU for an image without CUDA', async () => {
      const widget = await form({ preset: { image: 'sha256:2' } });
      expect(widget.getValue()).toEqual({ image: 'cpu:1', gpus: 0 });
    });

    it('starts an image by its own button, in one click', async () => {
      const widget = await form();
      button(widget.node, 'Start cpu 1').click();
      expect(onSubmit).toHaveBeenCalledTimes(1);
      expect(widget.getValue()).toEqual({ image: 'cpu:1', gpus: 0 });
    });

    it('looks into an image whose kernels are not known', async () => {
      const images = [{ ...IMAGE, kernels: null }];
      server.answers.set('GET images', { images });
      server.answers.set('GET images/sha256%3A1', IMAGE);
      const widget = await form();
      const kernels = [...widget.node.querySelectorAll('option')];
      expect(kernels.map(({ text }) => text)).toEqual(
        expect.arrayContaining(['Python 3', 'R'])
      );
    });

    it('says in place that an image does not run here, and leaves the choice', async () => {
      const image = { ...IMAGE, verdict: TOO_OLD };
      server.answers.set('GET images', { images: [image] });
      const widget = await form();
      const alert = widget.node.querySelector('[role=alert]')!;
      expect(alert.textContent).toContain('needs driver >= 570.26');
      expect(alert.textContent).toContain('GPUs 0, 1');
      expect(widget.node.textContent).toContain('Needs driver ≥ 570');
      expect(state).toEqual({
        request: { image: IMAGE.references[0], gpus: 1 },
        label: trans.__('Start Anyway'),
        isWarning: true
      });
      expect(() => button(widget.node, 'Start PyTorch 25.08')).toThrow();
      key(search(widget), 'Enter'); // too quick for what is to be read first
      expect(onSubmit).not.toHaveBeenCalled();
      expect(onLook).toHaveBeenCalledTimes(1);
    });

    it('shows only what runs here where that is asked for', async () => {
      const image = { ...IMAGE, verdict: TOO_OLD };
      const entry = { ...ENTRY, verdict: TOO_OLD, runs_here: null };
      server.answers.set('GET images', { images: [image, CPU] });
      server.answers.set('GET catalogue', { entries: [entry] });
      const widget = await form({ onlyFitting: true });
      expect(groups(widget)).toEqual([['On this machine', ['cpu 1']]]);
      widget.node
        .querySelector<HTMLInputElement>('.jp-GpuContainers-only input')!
        .click();
      await settled();
      expect(groups(widget)).toHaveLength(2);
    });

    it('does not offer what cannot be started', async () => {
      const image = { ...IMAGE, problem: BUSY };
      server.answers.set('GET images', { images: [image, CPU] });
      const widget = await form();
      expect(radio(widget, 'PyTorch 25.08').disabled).toBe(true);
      expect(widget.node.textContent).toContain(BUSY.message);
      expect(widget.getValue()?.image).toBe('cpu:1');
    });
  });

  describe('by keyboard', () => {
    it('filters, goes down into the list, and comes back with a letter', async () => {
      const widget = await form();
      expect(document.activeElement).toBe(search(widget));
      type(search(widget), 'cpu');
      await settled();
      expect(groups(widget)).toEqual([['On this machine', ['cpu 1']]]);
      expect(widget.getValue()?.image).toBe('cpu:1');
      key(search(widget), 'ArrowDown');
      expect(document.activeElement).toBe(radio(widget, 'cpu 1'));
      key(document.activeElement!, 'x');
      expect(document.activeElement).toBe(search(widget));
    });

    it('starts with Enter what is here and runs here, once all was asked', async () => {
      const widget = await form();
      type(search(widget), 'cpu');
      await settled();
      key(search(widget), 'Enter');
      expect(onSubmit).not.toHaveBeenCalled(); // Docker Hub is asked now
      await settled();
      key(search(widget), 'Enter');
      expect(onSubmit).toHaveBeenCalledTimes(1);
    });

    it('passes rows that are not to be tabbed through', async () => {
      const widget = await form();
      const starts = widget.node.querySelectorAll<HTMLElement>(
        '.jp-GpuContainers-choice button'
      );
      expect([...starts].map(({ tabIndex }) => tabIndex)).toEqual([-1, -1]);
    });
  });

  describe('of images that are not here', () => {
    beforeEach(() => {
      server.answers.set('GET images', { images: [] });
    });

    it('begins with what is recommended, and says what a start means', async () => {
      const widget = await form();
      await rested();
      expect(groups(widget)).toEqual([['Recommended', ['PyTorch by NVIDIA']]]);
      expect(right(widget).textContent).toContain(
        '8.9 GB are downloaded first, which takes about 4 min; then the kernel starts.'
      );
      expect(state).toEqual({
        request: { image: TORCH, gpus: 1, pull: true },
        label: trans.__('Download and Start'),
        isWarning: false
      });
      key(search(widget), 'Enter'); // nothing is downloaded by accident
      expect(onSubmit).not.toHaveBeenCalled();
      expect(onLook).toHaveBeenCalledTimes(1);
    });

    it('says nothing of a time that nobody knows', async () => {
      server.answers.set(about(TORCH), { ...DETAILS, fetch_seconds: null });
      const widget = await form();
      await rested();
      expect(right(widget).textContent).toContain(
        '8.9 GB are downloaded first, then the kernel starts.'
      );
    });

    it('offers an older version where the newest does not run here', async () => {
      const entry = { ...ENTRY, verdict: TOO_OLD, runs_here: OLDER };
      server.answers.set('GET catalogue', { entries: [entry] });
      server.answers.set(about(OLDER), { ...DETAILS, reference: OLDER });
      const widget = await form();
      await rested();
      expect(widget.node.textContent).toContain('Version 23.10-py3 runs here');
      expect(state?.request?.image).toBe(OLDER);
    });

    it('takes a name, offers the versions of its repository, and asks each once', async () => {
      const widget = await form();
      type(search(widget), 'nvcr.io/nvidia/pytorch');
      await rested();
      expect(groups(widget)[1]).toEqual([
        'By its name',
        ['nvcr.io/nvidia/pytorch', '26.07-py3', '25.08-py3', '23.10-py3']
      ]);
      radio(widget, '25.08-py3').click();
      await rested();
      expect(state?.request).toBeNull(); // its registry does not know it
      server.answers.set(about('nvcr.io/nvidia/pytorch:25.08-py3'), DETAILS);
      radio(widget, 'nvcr.io/nvidia/pytorch').click();
      await rested();
      expect(state?.request?.image).toBe(TORCH); // the newest
      const asked = server.requests.filter(({ what }) => what === TAGS);
      expect(asked).toHaveLength(1);
    });

    it('begins with an image that is asked for, wherever it is', async () => {
      const image = 'registry.example.org/team/tool:1';
      server.answers.set(about(image), { ...DETAILS, reference: image });
      const widget = await form({ preset: { image } });
      expect(search(widget).value).toBe(image);
      await rested();
      expect(state?.request).toEqual({ image, gpus: 1, pull: true });
    });

    it('searches Docker Hub, and says without an alarm why it cannot', async () => {
      server.answers.set('GET search?q=torch%20two', {
        results: [
          { name: 'a/torch', description: 'Two', stars: 7, official: false }
        ]
      });
      const widget = await form();
      type(search(widget), 'torch two');
      await rested();
      expect(groups(widget)).toEqual([['Docker Hub', ['a/torch']]]);
      expect(widget.node.textContent).toContain('★ 7 · Two');
      server.answers.set('GET search?q=jax', json(BUSY, 503));
      type(search(widget), 'jax');
      await rested();
      expect(widget.node.querySelector('[role=note]')!.textContent).toContain(
        BUSY.message
      );
      expect(widget.node.querySelector('[role=alert]')).toBeNull();
      expect(state?.request).toBeNull();
    });

    it('lets log in in place, and goes on', async () => {
      server.answers.set(about(TORCH), json(UNAUTHORIZED, 403));
      const widget = await form();
      await rested();
      expect(state?.request).toBeNull();
      const login = right(widget).querySelector('form')!;
      expect(login.getAttribute('aria-label')).toBe('Log in to nvcr.io');
      server.answers.set('POST registries/nvcr.io/login', {
        host: 'nvcr.io',
        username: '$oauthtoken',
        kept_in: 'a file'
      });
      server.answers.set(about(TORCH), DETAILS);
      type(login.querySelector('[type=password]')!, 'secret');
      login.requestSubmit();
      await rested();
      expect(right(widget).querySelector('form')).toBeNull();
      expect(state?.request).toEqual({ image: TORCH, gpus: 1, pull: true });
    });

    it('lets the engine try where only the registry cannot be reached from here', async () => {
      const problem = { ...BUSY, code: 'registry_unreachable' };
      server.answers.set(about(TORCH), json(problem, 503));
      const widget = await form();
      await rested();
      expect(right(widget).textContent).toContain(BUSY.message);
      expect(state?.request).toEqual({ image: TORCH, gpus: 1, pull: true });
      expect(right(widget).textContent).toContain('It is downloaded first');
    });

    it('leads to what is only to be downloaded', async () => {
      const onAddImage = jest.fn();
      const widget = await form({ onAddImage, registries: null });
      expect(widget.node.textContent).toContain('There is no image on this');
      button(widget.node, 'Add another image…').click();
      expect(onAddImage).toHaveBeenCalledTimes(1);
      expect(widget.getValue()).toBeNull();
      expect(state?.request).toBeNull();
    });
  });

  it('says why there is nothing to choose while the engine is away', async () => {
    const away = { ...BUSY, message: 'No container engine answers.' };
    server.answers.set('GET images', json(away, 503));
    server.answers.set('GET catalogue', json(away, 503));
    const widget = await form();
    expect(widget.node.querySelector('[role=alert]')!.textContent).toContain(
      away.message
    );
    expect(widget.node.querySelector('input')).toBeNull();
    expect(state?.request).toBeNull();
  });

  describe('of GPUs that are taken', () => {
    const note = (widget: LaunchForm) =>
      right(widget).querySelector('.jp-GpuContainers-fields [role=note]')
        ?.textContent;

    it('says that it will wait, and for whom', async () => {
      const widget = await form({ preset: { gpus: 2 } });
      expect(note(widget)).toBe(
        'Only 1 is free now, so you will wait in line. In use by: train.ipynb, user ada.'
      );
      const own = await form({
        preset: { gpus: 2 },
        kernelId: HOLDER.kernel_id
      });
      expect(note(own)).toBeUndefined();
    });

    it('says that none is free', async () => {
      const gpus = [{ ...GPU, state: 'in_use' }];
      server.answers.set('GET gpus', { driver: null, problem: null, gpus });
      expect(note(await form())).toBe(
        'None is free now, so you will wait in line. In use by: another program.'
      );
    });
  });

  describe('of limits', () => {
    const field = (widget: LaunchForm, label: string) =>
      [...widget.node.querySelectorAll('label')]
        .find(each => each.firstElementChild?.textContent === label)!
        .querySelector('select')!;
    const choose = async (select: HTMLSelectElement, value: string) => {
      select.value = value;
      select.dispatchEvent(new Event('change', { bubbles: true }));
      await settled();
    };

    it('says in words what is usual, and asks for what is not', async () => {
      const mount = { name: 'faces', path: '/data/faces', read_only: true };
      server.answers.set('GET limits', {
        ...LIMITS,
        memory: { default: 16 * GIB, max: 32 * GIB },
        mounts: [
          { ...mount, default: true },
          { ...mount, name: 'scratch', read_only: false, default: true }
        ]
      });
      const widget = await form();
      const advanced = widget.node.querySelector('details')!;
      expect(advanced.open).toBe(false);
      expect(advanced.querySelector('summary')!.textContent).toBe(
        'Advanced 16 GiB of memory · 4 GiB shared · data: faces, scratch'
      );
      expect(widget.getValue()).toEqual({
        image: IMAGE.references[0],
        gpus: 1
      });
      const memory = field(widget, 'Memory');
      expect([...memory.options].map(({ text }) => text)).toEqual([
        'Usual: 16 GiB',
        ...['2 GiB', '4 GiB', '8 GiB', '16 GiB', '32 GiB']
      ]);
      await choose(memory, String(8 * GIB));
      await choose(field(widget, 'Shared memory'), String(2 * GIB));
      const boxes = advanced.querySelectorAll<HTMLElement>('[type=checkbox]');
      boxes[0].click();
      await settled();
      expect(widget.getValue()).toEqual({
        image: IMAGE.references[0],
        gpus: 1,
        memory: 8 * GIB,
        shm_size: 2 * GIB,
        mounts: ['scratch']
      });
      boxes[1].click();
      await settled();
      expect(widget.getValue()?.mounts).toEqual([]);
      expect(advanced.querySelector('summary')!.textContent).toBe(
        'Advanced 8 GiB of memory · 2 GiB shared · no data'
      );
    });

    it('offers nothing that the server does not tell', async () => {
      server.answers.delete('GET limits');
      const widget = await form({ preset: { image: 'cpu:1' } });
      expect(widget.node.querySelector('details')!.textContent).not.toContain(
        'Memory'
      );
    });

    it('asks for no data mount that there is not any more', async () => {
      const preset = { image: 'cpu:1', mounts: ['gone'] };
      expect((await form({ preset })).getValue()?.mounts).toEqual([]);
    });
  });

  describe('of a notebook with a kernel', () => {
    const present = { name: 'PyTorch 25.08 · 1 GPU', launchId: 'l1' };
    const changes = {
      image: 'pytorch:25.08',
      image_id: 'sha256:1',
      size: 1.2 * GIB,
      added: 210,
      changed: 4,
      removed: 0,
      folders: [],
      packages: ['einops', 'timm', 'trl', 'wandb'].map(name => ({
        manager: 'pip',
        name,
        kind: 'added',
        before: null,
        after: '1'
      })),
      credentials: [],
      left_out: [],
      dockerfile: '',
      files: {}
    };
    const loss = (widget: LaunchForm) =>
      widget.node.querySelector('.jp-GpuContainers-loss')!.textContent;

    it('says what will be lost, with numbers, and offers to keep it', async () => {
      server.answers.set('GET launches/l1/changes', changes);
      const onSave = jest.fn();
      const widget = await form({ present, onSave });
      expect(loss(widget)).toContain(
        'The variables of the present kernel (PyTorch 25.08 · 1 GPU) will be lost.'
      );
      expect(loss(widget)).toContain(
        'So will what was added to its container: 4 packages (einops, timm, trl and 1 more), 214 files (1.2 GiB).'
      );
      button(widget.node, 'Save as image first…').click();
      expect(onSave).toHaveBeenCalledWith(widget.getValue());
    });

    it.each([
      ['nothing was added', { ...changes, packages: [], added: 0, changed: 0 }],
      [
        'only empty files were made to mount over',
        { ...changes, packages: [], size: 0 }
      ],
      ['nobody can tell', json(BUSY, 503)]
    ])('says no more where %s', async (_, answer) => {
      server.answers.set('GET launches/l1/changes', answer);
      const widget = await form({ present });
      expect(loss(widget)?.trim()).toBe(
        'The variables of the present kernel (PyTorch 25.08 · 1 GPU) will be lost.'
      );
      expect(() => button(widget.node, 'Save as image first…')).toThrow();
    });

    it('asks nothing of a kernel outside of containers', async () => {
      const widget = await form({ present: { ...present, launchId: null } });
      expect(loss(widget)).toContain('will be lost');
      expect(
        server.requests.filter(({ what }) => what.includes('changes'))
      ).toEqual([]);
    });

    it('waits until it is kept', async () => {
      server.answers.set('GET launches/l1/changes', changes);
      const job = makeJob({ kind: 'commit', reference: 'team/mine:1' });
      server.answers.set('POST jobs', job);
      server.answers.set('GET jobs', { jobs: [job] });
      const { jobs } = await makeJobs(server);
      await jobs.start('commit', 'team/mine:1', { launch: 'l1' });
      const widget = await form({ present, jobs });
      expect(loss(widget)).toContain('Saving it as team/mine:1.');
      expect(state?.request).toBeNull();
    });
  });
});
