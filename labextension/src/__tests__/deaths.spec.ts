// What a notebook says of its kernel's end.
import { INotebookState, deathOf } from '../model/deaths';
import { ILaunch, IProblem, Phase } from '../client/wire';
import { makeLaunch } from './fakes';
import { trans } from './screen';

const FACTS = { environments: null, limits: null };
const NOTEBOOK: INotebookState = {
  path: 'train.ipynb',
  kernelId: 'k1',
  isFirstKernel: true
};

function problem(code: string): IProblem {
  return { code, message: 'It ended.', hint: 'Look.', log: 'bye\n' };
}

function launch(phases: Phase[], more: Partial<ILaunch> = {}): ILaunch {
  return makeLaunch(phases[phases.length - 1], {
    kernel_id: 'k1',
    phases: phases.map(phase => ({ phase, at: '2026-11-22T18:00:00.000Z' })),
    ...more
  });
}

function died(code: string, phase: 'failed' | 'cancelled' = 'failed'): ILaunch {
  return launch(['queued', 'running', phase], { error: problem(code) });
}

function said(launches: ILaunch[], notebook = NOTEBOOK) {
  const death = deathOf(trans, launches, notebook, FACTS);
  return (
    death && [
      `${death.severity}: ${death.title}`,
      ...death.remedies.map(({ label }) => label)
    ]
  );
}

describe('deathOf', () => {
  it('says why, and offers what fits and a restart', () => {
    expect(said([died('out_of_memory')])).toEqual([
      'error: The kernel died',
      'Restart with more RAM…',
      'Restart'
    ]);
    expect(said([died('kernel_signalled')])).toEqual([
      'error: The kernel died',
      'Restart'
    ]);
    // its container is gone: there is nothing to restart
    expect(said([died('container_removed')])).toEqual([
      'error: The kernel died',
      'Start again'
    ]);
  });

  it('says nothing of who runs, was never up, is on the way, or was stopped by its user', () => {
    expect(said([])).toBeNull();
    expect(said([launch(['queued', 'running'])])).toBeNull();
    expect(said([launch(['queued', 'running', 'starting'])])).toBeNull();
    const refused = launch(['queued', 'failed'], { error: problem('error') });
    expect(said([refused])).toBeNull();
    expect(said([died('stopped_by', 'cancelled')])).toBeNull();
    expect(said([launch(['queued', 'running', 'cancelled'])])).toBeNull();
  });

  it('says of one that was restarted why it had to be', () => {
    const warnings = [problem('child_out_of_memory'), problem('out_of_memory')];
    const phases: Phase[] = ['queued', 'running', 'failed', 'running'];
    expect(said([launch(phases, { warnings })])).toEqual([
      'warning: The kernel died and was restarted',
      'Restart with more RAM…'
    ]);
    const crashed = launch(phases, { warnings: [problem('kernel_exited')] });
    expect(said([crashed])).toEqual([
      'warning: The kernel died and was restarted'
    ]);
    const child = launch(phases, { warnings: warnings.slice(0, 1) });
    expect(said([child])).toBeNull();
  });

  it('finds the launch by the path where the session is gone', () => {
    const gone = { ...NOTEBOOK, kernelId: null };
    expect(said([died('culled', 'cancelled')], gone)).toEqual([
      'info: The kernel was stopped',
      'Start again'
    ]);
    const other = { ...died('out_of_memory'), path: 'other.ipynb' };
    expect(said([other], gone)).toBeNull();
    // the newest alone counts
    const newer = launch(['queued', 'running'], { id: 'l2', kernel_id: 'k2' });
    expect(said([newer, died('out_of_memory')], gone)).toBeNull();
  });

  it('tells who comes back of what happened meanwhile, and leaves the choice', () => {
    const back = { ...NOTEBOOK, kernelId: 'python' };
    expect(said([died('culled', 'cancelled')], back)).toEqual([
      'info: The kernel was stopped',
      'Start again…'
    ]);
    // whoever has chosen another kernel knows
    const chosen = { ...back, isFirstKernel: false };
    expect(said([died('culled', 'cancelled')], chosen)).toBeNull();
    expect(said([died('out_of_memory')], back)).toBeNull();
  });

  it('tells deaths apart', () => {
    const key = (it: ILaunch) => deathOf(trans, [it], NOTEBOOK, FACTS)?.key;
    const once = died('kernel_exited');
    const twice = launch(
      ['queued', 'running', 'failed', 'starting', 'running', 'failed'],
      { error: problem('kernel_exited') }
    );
    expect(key(once)).toBe(key({ ...once }));
    expect(key(once)).not.toBe(key(twice));
  });
});
