// Which GPUs the form asks for: a number, a size of MIG instances, or a particular one.
import { gpuKinds } from '../model/gpuKinds';
import { LaunchForm } from '../forms/launchForm';
import { FakeServer, makeModel } from './fakes';
import { GPU, HOLDER, IMAGE, rendered, show, trans } from './screen';

const PART = { ...GPU, index: 1, parent_uuid: 'GPU-P', mig_profile: '1g.10gb' };
const PARTS = [
  { ...PART, uuid: 'MIG-1' },
  { ...PART, uuid: 'MIG-2', mig_profile: '3g.40gb', state: 'claimed' as const },
  { ...PART, uuid: 'MIG-3' }
];

async function form(
  gpus: object[],
  options: Partial<LaunchForm.IOptions> = {},
  max_per_kernel: number | null = null
): Promise<LaunchForm> {
  const server = new FakeServer();
  server.answers.set('GET images', { images: [IMAGE] });
  server.answers.set('GET gpus', {
    driver: null,
    problem: null,
    gpus,
    links: [],
    max_per_kernel
  });
  const { model } = await makeModel(server);
  await model.refresh();
  return show(
    new LaunchForm({
      model,
      trans,
      onSubmit: jest.fn(),
      onAddImage: jest.fn(),
      ...options
    })
  );
}

/** The select of a label. */
function field(widget: LaunchForm, label: string): HTMLSelectElement | null {
  const labels = [...widget.node.querySelectorAll('label')];
  const found = labels.find(
    ({ firstElementChild }) => firstElementChild?.textContent === label
  );
  return found?.querySelector('select') ?? null;
}

async function choose(
  widget: LaunchForm,
  label: string,
  value: string
): Promise<void> {
  const select = field(widget, label)!;
  select.value = value;
  select.dispatchEvent(new Event('change', { bubbles: true }));
  await rendered(widget);
}

const texts = (select: HTMLSelectElement | null) =>
  [...(select?.options ?? [])].map(({ text }) => text);

describe('gpuKinds', () => {
  it('has whole GPUs first, and each size of MIG instances', () => {
    const parent = { ...GPU, uuid: 'GPU-P' };
    const kinds = gpuKinds([GPU, parent, ...PARTS]);
    expect(
      kinds.map(({ profile, gpus }) => [profile, gpus.map(({ uuid }) => uuid)])
    ).toEqual([
      [null, ['GPU-1']],
      ['1g.10gb', ['MIG-1', 'MIG-3']],
      ['3g.40gb', ['MIG-2']]
    ]);
  });

  it('means any instance where there is no whole GPU', () => {
    expect(gpuKinds(PARTS)[0].gpus).toHaveLength(3);
    expect(gpuKinds([])).toEqual([{ profile: null, gpus: [] }]);
  });
});

describe('GPUs of the form', () => {
  it('asks for no size where no GPU is split', async () => {
    const widget = await form([GPU]);
    expect(field(widget, 'GPU size')).toBeNull();
    expect(widget.node.querySelector('[role=note]')).toBeNull();
    expect(field(widget, 'Which GPU')).toBeNull();
  });

  it('asks for MIG instances by size', async () => {
    const widget = await form([GPU, ...PARTS]);
    expect(texts(field(widget, 'GPU size'))).toEqual([
      'Whole GPU',
      '1g.10gb',
      '3g.40gb'
    ]);
    expect(widget.node.textContent).toContain('1 of 1 GPU free');
    await choose(widget, 'GPU size', '1g.10gb');
    expect(widget.node.textContent).toContain('2 of 2 MIG instances free');
    expect(texts(field(widget, 'GPUs'))).toEqual([
      'CPU only',
      '1 × 1g.10gb',
      '2 × 1g.10gb'
    ]);
    await choose(widget, 'GPUs', '2');
    expect(widget.getValue()).toEqual({
      image: IMAGE.references[0],
      gpus: 2,
      gpu_profile: '1g.10gb'
    });
    await choose(widget, 'GPU size', '3g.40gb');
    expect(widget.node.textContent).toContain('0 of 1 MIG instance free');
    expect(widget.getValue()).toMatchObject({
      gpus: 1,
      gpu_profile: '3g.40gb'
    });
    await choose(widget, 'GPUs', '0');
    expect(widget.getValue()).toEqual({ image: IMAGE.references[0], gpus: 0 });
  });

  it('begins with the size of the present environment', async () => {
    const preset = { gpus: 1, gpu_profile: '3g.40gb' };
    const widget = await form([GPU, ...PARTS], { preset });
    expect(widget.getValue()).toMatchObject({ gpu_profile: '3g.40gb' });
    const gone = await form([GPU], { preset });
    expect(gone.getValue()).toEqual({ image: IMAGE.references[0], gpus: 1 });
  });

  it('asks for a particular GPU', async () => {
    const gpus = [
      GPU,
      { ...GPU, uuid: 'GPU-2', index: 1, state: 'claimed' },
      { ...GPU, uuid: 'GPU-3', index: 2, state: 'unavailable' }
    ];
    const widget = await form(gpus, { preset: { gpus: 2 } });
    const select = field(widget, 'Which GPU');
    expect(texts(select)[1]).toBe('GPU 0: H100 80GB HBM3, 67.7 GB free');
    expect(texts(select)[2]).toContain('GPU 1');
    expect(texts(select)[2]).toContain('(taken)');
    expect(select!.options[3].disabled).toBe(true);
    await choose(widget, 'Which GPU', 'GPU-2');
    expect(widget.getValue()).toEqual({
      image: IMAGE.references[0],
      gpus: 1,
      gpu_uuids: ['GPU-2']
    });
    await choose(widget, 'Which GPU', '');
    expect(widget.getValue()).toEqual({ image: IMAGE.references[0], gpus: 2 });
  });

  it('says what sharing means, before the start', async () => {
    const shared = {
      ...GPU,
      uuid: 'GPU-2',
      slots: 4,
      slots_used: 1,
      state: 'shared',
      holders: [HOLDER]
    };
    const widget = await form([GPU, shared]);
    const note = () => widget.node.querySelector('[role=note]')?.textContent;
    expect(note()).toContain('Some GPUs here are shared by up to 4 kernels.');
    expect(note()).toContain('one that takes all of it makes the others fail');
    expect(widget.node.textContent).toContain('4 of 5 slots free');
    await choose(widget, 'Which GPU', 'GPU-1');
    expect(note()).toBeUndefined();
    await choose(widget, 'Which GPU', 'GPU-2');
    expect(note()).toContain('Up to 4 kernels share a GPU here.');
    await choose(widget, 'GPUs', '0');
    expect(note()).toBeUndefined();
  });

  it('tells what the present kernel would hand over', async () => {
    const mine = { ...GPU, state: 'claimed', holders: [HOLDER], slots_used: 1 };
    const widget = await form([mine], { kernelId: HOLDER.kernel_id });
    expect(widget.node.textContent).toContain('0 of 1 free, and 1 of its own');
  });

  it('offers no more than a kernel may have', async () => {
    const four = [1, 2, 3, 4].map(n => ({ ...GPU, uuid: `GPU-${n}` }));
    const counts = async (most: number | null) => {
      const widget = await form(four, { preset: { gpus: 3 } }, most);
      const options = texts(field(widget, 'GPUs'));
      return [options.length - 1, widget.getValue()?.gpus];
    };
    expect(await counts(null)).toEqual([4, 3]);
    expect(await counts(2)).toEqual([2, 2]);
    expect(await counts(0)).toEqual([0, 0]);
    expect(await counts(9)).toEqual([4, 3]);
  });
});
