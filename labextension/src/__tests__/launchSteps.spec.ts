// The steps of a start.
import { startLabel, stepsOf } from '../model/launchSteps';
import { ILaunch, Phase } from '../client/wire';
import { makeLaunch } from './fakes';
import { trans } from './screen';

const BEGIN = Date.parse('2026-11-22T18:00:00.000Z');

/** A launch whose phases began after so many seconds. */
function launch(
  phases: [Phase, number][],
  more: Partial<ILaunch> = {}
): ILaunch {
  const [phase] = phases[phases.length - 1];
  return makeLaunch(phase, {
    phases: phases.map(([phase, seconds]) => ({
      phase,
      at: new Date(BEGIN + 1000 * seconds).toISOString()
    })),
    ...more
  });
}

function said(it: ILaunch, seconds = 100): string[] {
  return stepsOf(trans, it, BEGIN + 1000 * seconds).map(
    ({ label, seconds, state }) => `${state}: ${label} (${seconds ?? '-'})`
  );
}

describe('stepsOf', () => {
  it('names what is done, what is being done, and what is to come', () => {
    expect(said(launch([['queued', 0]]), 2)).toEqual([
      'current: Checking (2)',
      'todo: Start the container (-)',
      'todo: Start the kernel (-)'
    ]);
    const pull = { job: 'j', current: 3.1e9, total: 8.9e9, speed: 1, eta: 240 };
    expect(
      said(
        launch(
          [
            ['queued', 0],
            ['pulling', 1]
          ],
          { pull }
        )
      )
    ).toEqual([
      'done: Checked (1)',
      'current: Downloading 3.1 of 8.9 GB · 4 min left (99)',
      'todo: Start the container (-)',
      'todo: Start the kernel (-)'
    ]);
    expect(
      said(
        launch(
          [
            ['queued', 0],
            ['pulling', 1],
            ['waiting', 11],
            ['creating', 31],
            ['starting', 32],
            ['running', 35]
          ],
          { gpus: ['GPU-1'] }
        )
      )
    ).toEqual([
      'done: Checked (1)',
      'done: Downloaded (10)',
      'done: Waited for a GPU (20)',
      'done: Container started (1)',
      'done: Kernel answered (3)'
    ]);
  });

  it('tells the place in the queue', () => {
    const since = '2026-11-22T18:00:00.000Z';
    const queue = {
      position: 2,
      length: 3,
      gpus: 1,
      since,
      estimate: null,
      holders: []
    };
    const waiting = launch(
      [
        ['queued', 0],
        ['waiting', 1]
      ],
      { queue }
    );
    expect(said(waiting)[1]).toBe(
      'current: Waiting for a GPU, 2nd in line (99)'
    );
    expect(startLabel(trans, waiting)).toBe('Waiting for a GPU, 2nd in line');
  });

  it('says how many GPUs it has waited for', () => {
    const phases: [Phase, number][] = [
      ['queued', 0],
      ['waiting', 1],
      ['creating', 31]
    ];
    const waited = (gpus: string[]) => said(launch(phases, { gpus }))[1];
    expect(waited(['GPU-1'])).toBe('done: Waited for a GPU (30)');
    expect(waited(['GPU-1', 'GPU-2'])).toBe('done: Waited for 2 GPUs (30)');
    // started on the CPU after all
    expect(waited([])).toBe('done: Waited for GPUs (30)');
    const gone = launch([...phases.slice(0, 2), ['failed', 31]]);
    expect(said(gone)[1]).toBe('failed: Waiting for GPUs (30)');
  });

  it('adds up what happened twice: somebody else took the GPU', () => {
    expect(
      said(
        launch(
          [
            ['queued', 0],
            ['waiting', 1],
            ['creating', 3],
            ['waiting', 4],
            ['creating', 10]
          ],
          { gpus: ['GPU-1'] }
        ),
        11
      )
    ).toEqual([
      'done: Checked (1)',
      'done: Waited for a GPU (8)',
      'current: Starting the container (2)',
      'todo: Start the kernel (-)'
    ]);
  });

  it('marks the step that failed; nothing is to come after it but what did not happen', () => {
    expect(
      said(
        launch([
          ['queued', 0],
          ['creating', 1],
          ['starting', 2],
          ['failed', 4]
        ])
      )
    ).toEqual([
      'done: Checked (1)',
      'done: Container started (1)',
      'failed: Waiting for the kernel’s answer (2)'
    ]);
    expect(
      said(
        launch([
          ['queued', 0],
          ['failed', 1]
        ])
      )[0]
    ).toBe('failed: Checking (1)');
  });

  it('begins anew with a restart, which makes no container', () => {
    const restart = launch([
      ['queued', 0],
      ['creating', 1],
      ['starting', 2],
      ['running', 3],
      ['failed', 50],
      ['starting', 53]
    ]);
    expect(said(restart, 54)).toEqual([
      'current: Waiting for the kernel’s answer (1)'
    ]);
    const again = {
      ...restart,
      phase: 'running' as const,
      phases: [
        ...restart.phases,
        { phase: 'running' as const, at: new Date(BEGIN + 55e3).toISOString() }
      ]
    };
    expect(said(again)).toEqual(['done: Kernel answered (2)']);
  });

  it('knows of a dead kernel how it had started', () => {
    expect(
      said(
        launch([
          ['queued', 0],
          ['creating', 1],
          ['starting', 2],
          ['running', 3],
          ['failed', 50]
        ])
      )
    ).toEqual([
      'done: Checked (1)',
      'done: Container started (1)',
      'done: Kernel answered (1)'
    ]);
  });

  it('never counts backwards where clocks differ', () => {
    expect(said(launch([['queued', 0]]), -30)[0]).toBe('current: Checking (0)');
  });
});

describe('startLabel', () => {
  it('is short', () => {
    expect(startLabel(trans, null)).toBe('Starting');
    expect(startLabel(trans, makeLaunch('creating'))).toBe('Starting');
    expect(startLabel(trans, makeLaunch('pulling'))).toBe('Downloading');
  });
});
