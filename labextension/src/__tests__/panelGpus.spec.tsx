// The GPUs of the panel: memory and load, who holds what, MIG, many of them, none, a broken one.
import { CommandIDs } from '../commands/commandIds';
import { IGpu } from '../client/wire';
import { formatTime } from '../model/clock';
import { FakeServer } from './fakes';
import { IPanelScreen, showPanel } from './panelScreen';
import { GIB, GPU, HOLDER, button, rendered } from './screen';

const NOT_OURS = { ...HOLDER, container_id: 'c2', mine: false };

describe('the GPUs section', () => {
  async function withGpus(
    gpus: Partial<IGpu>[],
    more: object = {}
  ): Promise<IPanelScreen> {
    const server = new FakeServer();
    const given = gpus.map((gpu, index) => ({
      ...GPU,
      uuid: `GPU-${index}`,
      index,
      ...gpu
    }));
    server.answers.set('GET gpus', {
      driver: null,
      problem: null,
      gpus: given,
      ...more
    });
    return showPanel(server);
  }

  const states = ({ node }: IPanelScreen) =>
    [...node.querySelectorAll('.jp-GpuContainers-state')].map(
      ({ textContent }) => textContent
    );
  const meters = (node: Element) =>
    [...node.querySelectorAll('[role=meter]')].map(meter =>
      ['aria-label', 'aria-valuetext'].map(name => meter.getAttribute(name))
    );
  const widths = (node: Element) =>
    [...node.querySelectorAll('rect')].map(part =>
      Math.round(Number(part.getAttribute('width')) / 10)
    );

  it('shows memory, load and who holds them', async () => {
    const screen = await withGpus([
      { utilization: 64 },
      { state: 'claimed', holders: [HOLDER] },
      { state: 'claimed', holders: [NOT_OURS] },
      { state: 'in_use', utilization: null }
    ]);
    expect(states(screen)).toEqual([
      'free',
      'train.ipynb',
      'user ada',
      'other program'
    ]);
    const section = screen.section('GPUs')!;
    expect(section.textContent).toContain('1 of 4 free');
    expect(section.textContent).toContain('12.3 of 80 GB64 % busy');
    const rows = section.querySelectorAll('li');
    expect(meters(rows[0])).toEqual([
      ['Memory of GPU 0', '12.3 of 80 GB'],
      ['Load of GPU 0', '64 % busy']
    ]);
    expect(meters(rows[3])).toEqual([['Memory of GPU 3', '12.3 of 80 GB']]);
    expect(widths(rows[0])).toEqual([15, 64]);
  });

  it('counts whole GPUs and MIG instances apart', async () => {
    const part = { parent_uuid: 'GPU-P', mig_profile: '1g.10gb' };
    const { section } = await withGpus([
      {},
      { state: 'claimed', holders: [HOLDER] },
      part,
      part,
      part
    ]);
    expect(section('GPUs')!.textContent).toContain(
      '1 of 2 GPUs and 3 of 3 MIG instances free'
    );
    const alone = await withGpus([part, { ...part, state: 'in_use' }]);
    expect(alone.section('GPUs')!.textContent).toContain(
      '1 of 2 MIG instances free'
    );
  });

  it('opens the notebook that holds a GPU, where it is one of this server', async () => {
    const { section, executed } = await withGpus([
      { state: 'claimed', holders: [HOLDER] },
      { state: 'claimed', holders: [NOT_OURS] }
    ]);
    button(section('GPUs')!, 'train.ipynb').click();
    expect(executed).toEqual([
      [CommandIDs.openNotebook, { path: 'work/train.ipynb' }]
    ]);
    expect(section('GPUs')!.querySelectorAll('li button')).toHaveLength(1);
  });

  it('splits the bar of a shared GPU by what each holder has, and says it in words', async () => {
    const screen = await withGpus([
      {
        state: 'shared',
        slots: 3,
        slots_used: 2,
        memory_used: 40 * GIB,
        holders: [
          { ...HOLDER, memory_used: 20 * GIB },
          { ...NOT_OURS, memory_used: 16 * GIB }
        ]
      }
    ]);
    expect(states(screen)).toEqual(['2 of 3 slots']);
    const section = screen.section('GPUs')!;
    const [, ...holders] = [...section.querySelectorAll('li')].map(
      ({ textContent }) => textContent
    );
    expect(holders).toEqual(['train.ipynb20 GB', 'user ada16 GB', 'other4 GB']);
    expect(widths(section).slice(0, 3)).toEqual([24, 19, 5]); // less the gaps
    expect(section.textContent).toContain('1 of 3 slots free');
  });

  it('says since when a GPU is held and how much it was used, as far as that is known', async () => {
    const since = '2020-03-01T10:32:00.000Z';
    const told = `held since ${formatTime('en', since)}`;
    const { section } = await withGpus([
      {
        state: 'claimed',
        holders: [{ ...HOLDER, since, mean_utilization: 41 }]
      },
      { state: 'claimed', holders: [{ ...NOT_OURS, since }] },
      { state: 'claimed', holders: [NOT_OURS] }
    ]);
    const rows = [...section('GPUs')!.querySelectorAll('li')];
    const held = rows.map(
      row => row.querySelector('.jp-GpuContainers-held')?.textContent
    );
    expect(held).toEqual([`${told} · 41 % used`, told, undefined]);
    expect(button(rows[0], 'train.ipynb').title).toBe(
      `Open work/train.ipynb\n${told} · 41 % used`
    );
  });

  it('says so of each holder in a tooltip, where there are several', async () => {
    const since = '2020-03-01T10:32:00.000Z';
    const used = { ...HOLDER, since, mean_utilization: 0 };
    const several = { state: 'shared' as const, slots: 3, slots_used: 2 };
    const { section } = await withGpus([
      {
        ...several,
        memory_used: 40 * GIB,
        holders: [
          { ...used, memory_used: 20 * GIB },
          { ...NOT_OURS, memory_used: 16 * GIB }
        ]
      }
    ]);
    const [, ...rows] = [...section('GPUs')!.querySelectorAll('li')];
    expect(rows.map(({ title }) => title)).toEqual([
      `held since ${formatTime('en', since)} · 0 % used`,
      '',
      ''
    ]);
    expect(section('GPUs')!.querySelector('.jp-GpuContainers-held')).toBeNull();
  });

  it('leaves the bar in one piece where nobody knows who has what', async () => {
    const screen = await withGpus([
      { state: 'shared', slots: 3, slots_used: 2, holders: [HOLDER, NOT_OURS] }
    ]);
    expect(states(screen)).toEqual(['train.ipynb, user ada (2 of 3)']);
    const section = screen.section('GPUs')!;
    expect(section.querySelectorAll('li')).toHaveLength(1);
    expect(widths(section)).toEqual([15, 0]);
  });

  it('shows MIG instances below their GPU', async () => {
    const instance = {
      index: 0,
      parent_uuid: 'GPU-0',
      memory_total: 10 * GIB,
      memory_used: GIB,
      utilization: null
    };
    const { section } = await withGpus([
      { ...instance, uuid: 'MIG-1', mig_profile: '1g.10gb' },
      { ...instance, uuid: 'MIG-2', mig_profile: '2g.20gb', state: 'in_use' },
      { index: 1, uuid: 'GPU-1' }
    ]);
    const board = section('GPUs')!.querySelector('.jp-GpuContainers-board')!;
    expect(board.textContent).toContain('0H100 80GB HBM32 MIG instances');
    const list = board.querySelector('ul')!;
    expect(list.getAttribute('aria-label')).toBe('MIG instances of GPU 0');
    expect(
      [...list.querySelectorAll('li')].map(({ textContent }) => textContent)
    ).toEqual([
      expect.stringContaining('1g.10gbfree1 of 10 GB'),
      expect.stringContaining('2g.20gbother program1 of 10 GB')
    ]);
  });

  it('gives each of many GPUs one line, and says once what they are', async () => {
    const { section } = await withGpus([
      ...Array.from({ length: 8 }, () => ({})),
      { name: 'NVIDIA L40S' }
    ]);
    const products = section('GPUs')!.querySelectorAll('h4');
    expect([...products].map(({ textContent }) => textContent)).toEqual([
      '8 × H100 80GB HBM3',
      'L40S'
    ]);
    const row = section('GPUs')!.querySelector('li')!;
    expect(row.textContent).toContain('0free0 % · 12.3 of 80 GB');
    expect(row.title).toContain('H100');
  });

  it('says what is wrong with a GPU, and what can be done', async () => {
    const screen = await withGpus([
      {
        state: 'unavailable',
        problem: {
          code: 'gpu_failed',
          message: 'GPU 0 failed (Xid 79) and is not given out.',
          hint: 'Run `sudo nvidia-smi --gpu-reset -i 0`, or reboot.'
        }
      }
    ]);
    expect(states(screen)).toEqual(['out of service']);
    const alert = screen.section('GPUs')!.querySelector('[role=alert]')!;
    expect(alert.textContent).toContain('GPU 0 failed (Xid 79)');
    expect(alert.querySelector('code')!.textContent).toBe(
      'sudo nvidia-smi --gpu-reset -i 0'
    );
    button(alert, 'Copy command: sudo nvidia-smi --gpu-reset -i 0');
  });

  it.each([
    [null, 'This machine has no GPU. Kernels run on its CPU.'],
    [
      { code: 'no_gpu', message: 'There is no GPU.', hint: '' },
      'There is no GPU. Kernels run on its CPU.'
    ],
    [
      {
        code: 'driver_not_installed',
        message: 'There is no driver.',
        hint: 'Kernels run on the CPU. For GPUs, install one.'
      },
      'There is no driver. Kernels run on the CPU. For GPUs, install one.'
    ]
  ])(
    'does not call it a failure that there is none (%#)',
    async (problem, text) => {
      const { section } = await withGpus([], { problem });
      expect(
        section('GPUs')!.querySelector('.jp-GpuContainers-empty')!.textContent
      ).toBe(text);
      expect(section('GPUs')!.querySelector('[role=alert]')).toBeNull();
    }
  );

  it('says why the driver does not answer', async () => {
    const problem = {
      code: 'driver_not_loaded',
      message: 'The kernel module is not loaded.',
      hint: 'Run `sudo modprobe nvidia`.'
    };
    const { section } = await withGpus([], { problem });
    expect(
      section('GPUs')!.querySelector('[role=alert]')!.textContent
    ).toContain('The kernel module is not loaded.');
  });

  it('draws only that GPU anew which has changed', async () => {
    const server = new FakeServer();
    const gpus = [GPU, { ...GPU, uuid: 'GPU-2', index: 1 }];
    server.answers.set('GET gpus', { driver: null, problem: null, gpus });
    const { widget, section, model } = await showPanel(server);
    const loads = () =>
      [...section('GPUs')!.querySelectorAll('[role=meter]')].map(meter =>
        meter.getAttribute('aria-valuetext')
      );
    expect(loads()).toEqual(
      Array(2).fill(['12.3 of 80 GB', '0 % busy']).flat()
    );
    const busy = [GPU, { ...gpus[1], utilization: 50 }];
    server.answers.set('GET gpus', { driver: null, problem: null, gpus: busy });
    await model.refresh();
    await rendered(widget);
    expect(loads()[3]).toBe('50 % busy');
  });
});
