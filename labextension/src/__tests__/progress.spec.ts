// What is in progress is asked for only where events do not tell of it.
import { IJob } from '../client/wireImages';
import {
  BUSY,
  FakeServer,
  FakeVisibility,
  json,
  makeJob,
  makeJobs,
  makeLaunch,
  makeModel
} from './fakes';
import { Log, pass, useFakeTime } from './time';

useFakeTime();

describe('What is in progress', () => {
  it('is not asked for while events tell of it', async () => {
    const server = new FakeServer();
    const { model, events } = await makeModel(server);
    server.answers.set('POST launches', () => {
      events.emit(makeLaunch('queued'));
      return json(makeLaunch('queued'), 202);
    });
    await model.launch({ environment: 'pytorch-1gpu' });
    const log = new Log(server);
    await pass(10000);
    events.emit(makeLaunch('creating'));
    await pass(14000);
    expect(log.what).toEqual([]);
    server.answers.set('GET launches', { launches: [makeLaunch('creating')] });
    await pass(10000); // silence can have two reasons
    expect(log.what).toEqual(['GET launches']);
  });

  it('is asked for, ever more rarely, when what was begun is not told of', async () => {
    const server = new FakeServer();
    const { model } = await makeModel(server);
    server.answers.set('POST launches', json(makeLaunch('queued'), 202));
    server.answers.set('GET launches', { launches: [makeLaunch('queued')] });
    await model.launch({ environment: 'pytorch-1gpu' });
    const log = new Log(server);
    await pass(60000);
    expect(new Set(log.what)).toEqual(new Set(['GET launches']));
    expect(log.gaps[0]).toBeLessThanOrEqual(6000);
    expect(Math.min(...log.gaps.slice(1))).toBeGreaterThanOrEqual(2000);
    expect(Math.max(...log.gaps)).toBeLessThanOrEqual(17000);
    expect(log.gaps[log.gaps.length - 1]).toBeGreaterThan(10000);
    server.answers.set('GET launches', { launches: [makeLaunch('running')] });
    const settled = model.settled('l1');
    await pass(20000);
    expect((await settled).phase).toBe('running');
    const later = new Log(server);
    await pass(60000);
    expect(later.what).toEqual([]);
  });

  it('is asked for more often once silence was not for want of news', async () => {
    const server = new FakeServer();
    const { model, events } = await makeModel(server);
    events.emit(makeLaunch('creating'));
    server.answers.set('GET launches', { launches: [makeLaunch('starting')] });
    const log = new Log(server);
    await pass(18000);
    expect(model.launches[0].phase).toBe('starting');
    await pass(3000);
    expect(log.what.length).toBeGreaterThanOrEqual(2);
    events.emitChanged('status'); // events arrive again, of whichever kind
    const later = new Log(server);
    await pass(14000);
    expect(later.what).toEqual([]);
  });

  it('is not asked for while the page is hidden', async () => {
    const server = new FakeServer();
    const visibility = new FakeVisibility();
    server.answers.set('GET launches', { launches: [makeLaunch('starting')] });
    await makeModel(server, visibility);
    visibility.hide(true);
    const log = new Log(server);
    await pass(120000);
    expect(log.what).toEqual([]);
  });

  it('is one question at a time where the server does not answer', async () => {
    const server = new FakeServer();
    server.answers.set('POST launches', json(makeLaunch('queued'), 202));
    const { model } = await makeModel(server);
    await model.launch({ environment: 'pytorch-1gpu' });
    server.answers.set('GET launches', json(BUSY, 503));
    const log = new Log(server);
    await pass(60000);
    expect(log.what.length).toBeGreaterThan(3);
    expect(Math.min(...log.gaps.slice(1))).toBeGreaterThanOrEqual(2000);
    expect(model.launches[0].phase).toBe('queued');
  });

  it('of pulls is as of launches', async () => {
    const server = new FakeServer();
    const visibility = new FakeVisibility();
    const { jobs, events } = await makeJobs(server, visibility);
    const begin = async (job: IJob) => {
      server.answers.set('POST jobs', json(job, 202));
      server.answers.set('GET jobs', { jobs: [job] });
      await jobs.start('pull', job.reference);
    };
    events.emitJob(makeJob());
    await pass(0);
    const log = new Log(server);
    for (let number = 1; number <= 40; number++) {
      await pass(1000);
      events.emitJob(makeJob({ current: number }));
    }
    expect(log.what).toEqual([]);
    events.emitJob(makeJob({ state: 'succeeded' }));
    await pass(60000);
    expect(log.what).toEqual([]);
    await begin(makeJob({ id: 'j2', reference: 'a:1' }));
    const silent = new Log(server);
    await pass(30000);
    expect(silent.what.length).toBeGreaterThan(2);
    expect(Math.min(...silent.gaps.slice(1))).toBeGreaterThanOrEqual(2000);
    visibility.hide(true);
    const hidden = new Log(server);
    await pass(60000);
    expect(hidden.what).toEqual([]);
    server.answers.set('GET jobs', {
      jobs: [makeJob({ id: 'j2', reference: 'a:1', state: 'succeeded' })]
    });
    visibility.hide(false);
    await pass(0);
    expect(jobs.jobs[0].state).toBe('succeeded');
  });
});
