// The dialog of environments: what a kernel gets, and what is lost for it.
import { LaunchForm } from '../forms/launchForm';
import { BUSY, LIMITS, json, makeJob, makeJobs } from './fakes';
import { FormScreen, right } from './formScreen';
import { GIB, GPU, HOLDER, IMAGE, button, settled } from './screen';

describe('LaunchForm', () => {
  let screen: FormScreen;

  beforeEach(() => {
    screen = new FormScreen();
  });

  describe('of GPUs that are taken', () => {
    const note = (widget: LaunchForm) =>
      right(widget).querySelector('.jp-GpuContainers-fields [role=note]')
        ?.textContent;

    it('says that it will wait, and for whom', async () => {
      const widget = await screen.form({ preset: { gpus: 2 } });
      expect(note(widget)).toBe(
        'Only 1 is free now, so you will wait in line. In use by: train.ipynb, user ada.'
      );
      const own = await screen.form({
        preset: { gpus: 2 },
        kernelId: HOLDER.kernel_id
      });
      expect(note(own)).toBeUndefined();
    });

    it('says that none is free', async () => {
      const gpus = [{ ...GPU, state: 'in_use' }];
      screen.server.answers.set('GET gpus', {
        driver: null,
        problem: null,
        gpus
      });
      expect(note(await screen.form())).toBe(
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
      screen.server.answers.set('GET limits', {
        ...LIMITS,
        memory: { default: 16 * GIB, max: 32 * GIB },
        mounts: [
          { ...mount, default: true },
          { ...mount, name: 'scratch', read_only: false, default: true }
        ]
      });
      const widget = await screen.form();
      const advanced = widget.node.querySelector('details')!;
      expect(advanced.open).toBe(false);
      expect(advanced.querySelector('summary')!.textContent).toBe(
        'Advanced as usual: 16 GB RAM · 4 GB shared · data: faces, scratch'
      );
      expect(widget.getValue()).toEqual({
        image: IMAGE.references[0],
        gpus: 1
      });
      const memory = field(widget, 'RAM');
      expect([...memory.options].map(({ text }) => text)).toEqual([
        'Usual: 16 GB',
        ...['2 GB', '4 GB', '8 GB', '16 GB', '32 GB']
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
        'Advanced · 8 GB RAM · 2 GB shared · no data'
      );
    });

    it('offers nothing that the server does not tell', async () => {
      screen.server.answers.delete('GET limits');
      const widget = await screen.form({ preset: { image: 'cpu:1' } });
      expect(widget.node.querySelector('details')!.textContent).not.toContain(
        'RAM'
      );
    });

    it('tells of what was chosen before, while it is folded away', async () => {
      const last = { image: 'cpu:1', memory: 8 * GIB };
      const widget = await screen.form({ last });
      const advanced = widget.node.querySelector('details')!;
      expect(advanced.open).toBe(false);
      const summary = advanced.querySelector('summary')!;
      expect(summary.textContent).toBe('Advanced · 8 GB RAM');
      await choose(field(widget, 'RAM'), '');
      expect(summary.textContent).toContain('as usual: 64 GB RAM');
      expect(widget.getValue()).not.toHaveProperty('memory');
    });

    it('says what the machine has, and at once that it has no more', async () => {
      const most = 24 * GIB;
      screen.server.answers.set('GET limits', {
        ...LIMITS,
        memory: { default: 16 * GIB, max: most },
        ram: most
      });
      const last = { image: 'cpu:1', memory: 512 * GIB };
      const widget = await screen.form({ last });
      const alert = () => widget.node.querySelector('details [role=alert]');
      expect(alert()?.textContent).toBe(
        'more than this machine has: 24 GB RAM'
      );
      await choose(field(widget, 'RAM'), String(16 * GIB));
      expect(alert()).toBeNull();
      expect(widget.node.querySelector('details')!.textContent).toContain(
        'of 24 GB in this machine; a kernel that wants more is stopped'
      );
      const sizes = [...field(widget, 'RAM').options].map(({ text }) => text);
      expect(sizes.slice(1)).toEqual(['2 GB', '4 GB', '8 GB', '16 GB']);
    });

    it('asks for no data mount that there is not any more', async () => {
      const preset = { image: 'cpu:1', mounts: ['gone'] };
      expect((await screen.form({ preset })).getValue()?.mounts).toEqual([]);
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
      screen.server.answers.set('GET launches/l1/changes', changes);
      const onSave = jest.fn();
      const widget = await screen.form({ present, onSave });
      expect(loss(widget)).toContain(
        'The variables of the present kernel (PyTorch 25.08 · 1 GPU) will be lost.'
      );
      expect(loss(widget)).toContain(
        'So will what was added to its container: 4 packages (einops, timm, trl and 1 more), 214 files (1.3 GB).'
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
      screen.server.answers.set('GET launches/l1/changes', answer);
      const widget = await screen.form({ present });
      expect(loss(widget)?.trim()).toBe(
        'The variables of the present kernel (PyTorch 25.08 · 1 GPU) will be lost.'
      );
      expect(() => button(widget.node, 'Save as image first…')).toThrow();
    });

    it('asks nothing of a kernel outside of containers', async () => {
      const widget = await screen.form({
        present: { ...present, launchId: null }
      });
      expect(loss(widget)).toContain('will be lost');
      expect(
        screen.server.requests.filter(({ what }) => what.includes('changes'))
      ).toEqual([]);
    });

    it('waits until it is kept', async () => {
      screen.server.answers.set('GET launches/l1/changes', changes);
      const job = makeJob({ kind: 'commit', reference: 'team/mine:1' });
      screen.server.answers.set('POST jobs', job);
      screen.server.answers.set('GET jobs', { jobs: [job] });
      const { jobs } = await makeJobs(screen.server);
      await jobs.start('commit', 'team/mine:1', { launch: 'l1' });
      const widget = await screen.form({ present, jobs });
      expect(loss(widget)).toContain('Saving it as team/mine:1.');
      expect(screen.state?.request).toBeNull();
    });
  });
});
