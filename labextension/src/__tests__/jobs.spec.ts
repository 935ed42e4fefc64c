// Jobs: what an event, an answer and a lost job do to the state, and how they are put into words.
import { fraction, layersDone, progressText } from '../model/jobs';
import { BUSY, FakeServer, json, makeJob, makeJobs } from './fakes';
import { GIB, trans } from './screen';

const MIB = 1024 ** 2;

describe('progressText()', () => {
  it.each([
    [{ state: 'queued' as const }, 'Waiting'],
    [{}, 'Asking the registry'],
    [{ kind: 'push' as const }, 'Preparing'],
    [{ current: 300 * MIB }, '315 MB'],
    [{ current: 300 * MIB, speed: 45 * MIB }, '315 MB · 47.2 MB/s'],
    [{ current: 0, total: 4 * GIB }, '0 of 4.3 GB'],
    [
      { current: GIB, total: 4 * GIB, speed: 45 * MIB, eta: 68 },
      '1.1 of 4.3 GB · 47.2 MB/s · 1 min left'
    ],
    [{ current: 4 * GIB, total: 4 * GIB }, 'Unpacking'],
    [{ kind: 'push' as const, current: GIB, total: GIB }, 'Finishing']
  ])('says what is known (%#)', (more, text) => {
    expect(progressText(trans, makeJob(more))).toBe(text);
  });
});

describe('fraction()', () => {
  it.each([
    [{ current: GIB }, null],
    [{ current: GIB, total: 0 }, null],
    [{ current: GIB, total: 4 * GIB }, 0.25],
    [{ current: 5 * GIB, total: 4 * GIB }, 1]
  ])('is null where the total is not known (%#)', (more, share) => {
    expect(fraction(makeJob(more))).toBe(share);
  });
});

it('layersDone() counts layers, not words about the whole', () => {
  const step = { status: '', current: 0, total: null };
  const steps = ['a', 'b', ''].map(id => ({ ...step, id, done: id !== 'a' }));
  expect(layersDone(makeJob({ steps }))).toEqual({ done: 1, all: 2 });
});

describe('JobsModel', () => {
  it('knows the jobs that were in progress before the page was opened', async () => {
    const server = new FakeServer();
    server.answers.set('GET jobs', {
      jobs: [makeJob(), makeJob({ id: 'j0', state: 'failed', error: BUSY })]
    });
    const { jobs } = await makeJobs(server);
    expect(jobs.jobs.map(({ id }) => id)).toEqual(['j1']);
  });

  it('follows the events, and ignores those of others', async () => {
    const { jobs, events } = await makeJobs();
    events.emitJob(makeJob({ current: 1 }));
    events.stream.emit({ schema_id: 'https://other', id: 'x' });
    events.emitJob(makeJob({ current: 2 }));
    expect(jobs.jobs.map(({ current }) => current)).toEqual([2]);
  });

  it('tells once that a job has ended', async () => {
    const { jobs, events } = await makeJobs();
    const ended: string[] = [];
    jobs.ended.connect((_, { state }) => ended.push(state));
    events.emitJob(makeJob());
    events.emitJob(makeJob({ state: 'succeeded' }));
    events.emitJob(makeJob({ state: 'succeeded' }));
    events.emitJob(makeJob({ current: 7 }));
    expect(ended).toEqual(['succeeded']);
    expect(jobs.jobs[0].state).toBe('succeeded');
  });

  it('starts a job, and is not set back by an answer older than an event', async () => {
    const { jobs, server, events } = await makeJobs();
    server.answers.set('POST jobs', () => {
      events.emitJob(makeJob({ current: 5 }));
      return json(makeJob({ state: 'queued' }), 202);
    });
    await jobs.start('pull', 'pytorch:25.08');
    expect(server.requests.pop()).toEqual({
      what: 'POST jobs',
      body: { kind: 'pull', reference: 'pytorch:25.08' }
    });
    expect(jobs.jobs[0].current).toBe(5);
    expect(jobs.isOwn('j1')).toBe(true);
    expect(jobs.isOwn('j2')).toBe(false);
  });

  it('forgets an earlier failure when the same is tried again', async () => {
    const { jobs, server, events } = await makeJobs();
    events.emitJob(makeJob({ state: 'failed', error: BUSY }));
    server.answers.set('POST jobs', json(makeJob({ id: 'j2' }), 202));
    await jobs.start('pull', makeJob().reference);
    expect(jobs.jobs.map(({ id }) => id)).toEqual(['j2']);
  });

  it('#settled() waits for the end', async () => {
    const { jobs, events } = await makeJobs();
    events.emitJob(makeJob());
    const settled = jobs.settled('j1');
    events.emitJob(makeJob({ state: 'cancelled' }));
    expect((await settled).state).toBe('cancelled');
    expect((await jobs.settled('j1')).state).toBe('cancelled');
  });

  it('#cancel() takes the answer, and one that is gone for lost', async () => {
    const { jobs, server, events } = await makeJobs();
    events.emitJob(makeJob());
    server.answers.set('DELETE jobs/j1', makeJob({ state: 'cancelled' }));
    await jobs.cancel('j1');
    expect(jobs.jobs[0].state).toBe('cancelled');
    events.emitJob(makeJob({ id: 'j2' }));
    await jobs.cancel('j2');
    expect((await jobs.settled('j2')).error?.code).toBe('job_lost');
  });

  it('#dismiss() leaves what is in progress', async () => {
    const { jobs, events } = await makeJobs();
    events.emitJob(makeJob());
    jobs.dismiss('j1');
    expect(jobs.jobs).toHaveLength(1);
    events.emitJob(makeJob({ state: 'failed', error: BUSY }));
    jobs.dismiss('j1');
    events.emitJob(makeJob({ state: 'failed', error: BUSY }));
    expect(jobs.jobs).toEqual([]);
  });

  it('hears nothing after it was disposed of', async () => {
    const { jobs, events } = await makeJobs();
    jobs.dispose();
    events.emitJob(makeJob());
    expect(jobs.jobs).toEqual([]);
  });
});
