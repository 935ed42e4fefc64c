// Jobs in the panel: progress, layers, failures with what can be done about them.
import { CommandIDs } from '../commands/commandIds';
import { BUSY, UNAUTHORIZED, makeJob } from './fakes';
import { clickTitle, showPanel } from './panelScreen';
import { GIB, button, rendered } from './screen';

describe('the Jobs section', () => {
  it('is there while there is a job, with a bar only where the total is known', async () => {
    const { widget, section, events, executed } = await showPanel();
    expect(section('Jobs')).toBeNull();
    events.emitJob(makeJob({ current: 1e9 }));
    await rendered(widget);
    const bar = () => section('Jobs')!.querySelector('progress')!;
    expect(bar().hasAttribute('value')).toBe(false);
    expect(section('Jobs')!.textContent).toContain('1 GB');
    expect(section('Jobs')!.textContent).not.toContain('%');

    events.emitJob(
      makeJob({ current: 1e9, total: 4e9, speed: 125e6, eta: 24 })
    );
    await rendered(widget);
    expect(bar().value).toBe(0.25);
    expect(bar().getAttribute('aria-label')).toContain('pytorch:25.08');
    expect(section('Jobs')!.textContent).toContain('25 %');
    expect(section('Jobs')!.textContent).toContain(
      '1 of 4 GB · 125 MB/s · 24 s left'
    );
    clickTitle(section('Jobs')!, `Cancel: Pull of ${makeJob().reference}`);
    expect(executed).toEqual([[CommandIDs.cancelJob, { id: 'j1' }]]);
  });

  it('shows the layers of a pull', async () => {
    const { widget, section, events } = await showPanel();
    const step = { status: 'Downloading', current: 1e9, total: 2e9 };
    const steps = [
      { ...step, id: 'aa11', done: false },
      { ...step, id: 'bb22', done: true },
      { ...step, id: '', done: false }
    ];
    events.emitJob(makeJob({ steps }));
    await rendered(widget);
    const layers = section('Jobs')!.querySelector('details')!;
    expect(layers.querySelector('summary')!.textContent).toBe('1 of 2 layers');
    expect(layers.textContent).toContain('aa111 of 2 GB');
  });

  it('keeps a failed pull until it is dismissed', async () => {
    const { widget, section, events, executed } = await showPanel();
    events.emitJob(makeJob());
    events.emitJob(makeJob({ state: 'failed', error: BUSY }));
    await rendered(widget);
    const jobs = section('Jobs')!;
    expect(jobs.querySelector('[role=alert]')!.textContent).toContain(
      BUSY.message
    );
    button(jobs, 'Try again').click();
    const { reference } = makeJob();
    clickTitle(jobs, `Dismiss: Pull of ${reference}`);
    expect(executed).toEqual([
      [CommandIDs.pull, { reference }],
      [CommandIDs.cancelJob, { id: 'j1' }]
    ]);
  });

  it('offers the login that a registry wants', async () => {
    const { widget, section, events, executed } = await showPanel();
    events.emitJob(makeJob());
    events.emitJob(makeJob({ state: 'failed', error: UNAUTHORIZED }));
    await rendered(widget);
    button(section('Jobs')!, 'Log in to nvcr.io').click();
    expect(executed).toEqual([[CommandIDs.login, { host: 'nvcr.io' }]]);
  });

  it('shows the log of a build, also once it has failed', async () => {
    const { widget, section, events } = await showPanel();
    const build = makeJob({ kind: 'build', total: 4 * GIB, log: ['one'] });
    events.emitJob(build);
    await rendered(widget);
    const log = () => section('Jobs')!.querySelector('[role=log]')!;
    expect(log().textContent).toBe('one');
    events.emitJob({
      ...build,
      state: 'failed',
      error: BUSY,
      log: ['one', '2']
    });
    await rendered(widget);
    expect(log().textContent).toBe('one\n2');
  });
});
