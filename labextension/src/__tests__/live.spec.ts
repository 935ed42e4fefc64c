// How the page stays up to date: told by events, asked for where events cannot tell, never in a storm.
import { withLoads } from '../model/gpuLoads';
import { IGpuLoads, IGpus } from '../client/wire';
import {
  BUSY,
  FakeServer,
  FakeVisibility,
  json,
  makeJobs,
  makeLaunch,
  makeModel
} from './fakes';
import { GIB, GPU, HOLDER } from './screen';
import { Log, pass, useFakeTime } from './time';

const LOAD: IGpuLoads['gpus'][number] = {
  uuid: GPU.uuid,
  memory_used: 12 * GIB,
  utilization: 80,
  holders: [{ container_id: HOLDER.container_id, memory_used: 11 * GIB }]
};

useFakeTime();

describe('A page at rest', () => {
  it('asks for one thing every five seconds, for each of them in turn', async () => {
    const { model, server } = await makeModel();
    const watching = model.watch();
    await pass(4000);
    const log = new Log(server);
    await pass(80000);
    expect(Math.min(...log.gaps.slice(1))).toBe(5000);
    expect(log.what).toHaveLength(16);
    expect(log.what.filter(what => what === 'GET gpus')).toHaveLength(8);
    for (const other of ['status', 'images', 'environments', 'launches']) {
      expect(log.what.filter(what => what === `GET ${other}`)).toHaveLength(2);
    }
    watching.dispose();
    const later = new Log(server);
    await pass(80000);
    expect(later.what).toEqual([]);
  });

  it('asks for nothing while it is hidden, and for all once when it is back', async () => {
    const visibility = new FakeVisibility();
    const { model, server, events } = await makeModel(
      new FakeServer(),
      visibility
    );
    model.watch();
    await pass(4000);
    visibility.hide(true);
    const log = new Log(server);
    events.emit(makeLaunch('starting'));
    events.emitChanged('images');
    await pass(120000);
    expect(log.what).toEqual([]);
    expect(model.launches[0].phase).toBe('starting');
    server.answers.set('GET launches', { launches: [makeLaunch('starting')] });
    visibility.hide(false);
    await pass(100);
    expect(log.what.sort()).toEqual([
      'GET environments',
      'GET gpus',
      'GET images',
      'GET launches',
      'GET status'
    ]);
    visibility.hide(true);
    visibility.hide(false); // to and fro between two tabs
    await pass(1000);
    expect(log.what).toHaveLength(5);
  });

  it('asks for the launches alone when it is back and nobody looks', async () => {
    const visibility = new FakeVisibility();
    const { server } = await makeModel(new FakeServer(), visibility);
    visibility.hide(true);
    const log = new Log(server);
    visibility.hide(false);
    await pass(60000);
    expect(log.what).toEqual(['GET launches']);
  });
});

describe('Word of a change', () => {
  it('has that resource asked for at once, and no other', async () => {
    const { model, server, events } = await makeModel();
    model.watch();
    await pass(4000);
    const log = new Log(server);
    server.answers.set('GET gpus', {
      driver: null,
      problem: null,
      gpus: [GPU]
    });
    let changes = 0;
    model.changed.connect(() => (changes += 1));
    events.emitChanged('gpus');
    await pass(0);
    expect(log.what).toEqual(['GET gpus']);
    expect(model.gpus?.gpus).toEqual([GPU]);
    expect(changes).toBe(1);
  });

  it('is one request at once and one afterwards, however often it comes', async () => {
    const { model, server, events } = await makeModel();
    model.watch();
    await pass(4000);
    const log = new Log(server);
    for (let number = 0; number < 100; number++) {
      events.emitChanged('images');
      await pass(5);
    }
    await pass(3500);
    const images = log.what.filter(what => what === 'GET images');
    expect(images).toHaveLength(2);
  });

  it('waits for the answer that is on its way', async () => {
    const { model, server, events } = await makeModel();
    model.watch();
    await pass(4000);
    let answer: (images: object) => void = () => undefined;
    server.answers.set(
      'GET images',
      () => new Promise<object>(resolve => (answer = resolve))
    );
    const log = new Log(server);
    events.emitChanged('images');
    await pass(100);
    events.emitChanged('images');
    await pass(4000);
    expect(log.what.filter(what => what === 'GET images')).toHaveLength(1);
    answer({ images: [] });
    await pass(0);
    expect(log.what.filter(what => what === 'GET images')).toHaveLength(2);
  });

  it('is remembered while nobody looks', async () => {
    const { model, server, events } = await makeModel();
    const log = new Log(server);
    events.emitChanged('images');
    model.outdated('environments');
    await pass(20000);
    expect(log.what).toEqual([]);
    model.watch();
    await pass(0);
    expect(log.what).toContain('GET images');
  });

  it('of logins is for the registries, once somebody has asked for them', async () => {
    const visibility = new FakeVisibility();
    const { registries, server, events } = await makeJobs(
      new FakeServer(),
      visibility
    );
    const log = new Log(server);
    events.emitChanged('registries');
    await pass(5000);
    expect(log.what).toEqual([]);
    await registries.refresh();
    await pass(5000);
    const logins = [{ host: 'nvcr.io', username: '$oauthtoken' }];
    server.answers.set('GET registries', { registries: logins });
    events.emitChanged('gpus');
    events.emitChanged('registries');
    await pass(0);
    expect(registries.logins).toEqual(logins);
    await pass(5000);
    visibility.hide(true);
    server.answers.set('GET registries', { registries: [] });
    events.emitChanged('registries');
    await pass(5000);
    expect(log.what).toHaveLength(2);
    visibility.hide(false);
    await pass(0);
    expect(registries.logins).toEqual([]);
  });

  it('that cannot be followed is a problem of this resource until it can', async () => {
    const { model, server, events } = await makeModel();
    model.watch();
    await pass(4000);
    server.answers.set('GET images', json(BUSY, 503));
    events.emitChanged('images');
    await pass(0);
    expect(model.problems).toEqual({ images: BUSY });
    server.answers.set('GET images', { images: [] });
    events.emitChanged('images');
    await pass(2000);
    expect(model.problems).toEqual({});
  });

  it('is not undone by an answer that took longer than a later one', async () => {
    const { model, server } = await makeModel();
    let late: (images: object) => void = () => undefined;
    server.answers.set(
      'GET images',
      () => new Promise<object>(resolve => (late = resolve))
    );
    const first = model.refresh();
    await pass(0);
    server.answers.set('GET images', { images: [] });
    await model.refresh();
    late({ images: [{ id: 'sha256:old' }] });
    await first;
    expect(model.images).toEqual([]);
  });
});

describe('The load of GPUs', () => {
  const known: IGpus = {
    driver: null,
    problem: null,
    links: [],
    max_per_kernel: null,
    gpus: [
      { ...GPU, holder: HOLDER, holders: [HOLDER] },
      { ...GPU, uuid: 'GPU-2' }
    ]
  };

  it('takes the place of what is known, and nothing else changes', () => {
    const [first, second] = withLoads(known, { at: '', gpus: [LOAD] }).gpus;
    const holder = { ...HOLDER, memory_used: 11 * GIB };
    expect(first).toEqual({
      ...known.gpus[0],
      memory_used: 12 * GIB,
      memory_free: GPU.memory_total - 12 * GIB,
      utilization: 80,
      holder,
      holders: [holder]
    });
    expect(second).toBe(known.gpus[1]);
  });

  it.each([
    ['a GPU that is not known', { ...LOAD, uuid: 'GPU-9' }],
    [
      'what is known already',
      {
        ...LOAD,
        memory_used: GPU.memory_used,
        utilization: GPU.utilization,
        holders: [{ container_id: 'stranger', memory_used: 1 }]
      }
    ]
  ])('is the very same of %s', (_, load) => {
    expect(withLoads(known, { at: '', gpus: [load] })).toBe(known);
  });

  it('is shown without asking', async () => {
    const { model, server, events } = await makeModel();
    events.emitLoads([LOAD]); // before anything is known
    server.answers.set('GET gpus', known);
    await model.refresh();
    const log = new Log(server);
    let changes = 0;
    model.changed.connect(() => (changes += 1));
    events.emitLoads([LOAD]);
    events.emitLoads([LOAD]);
    expect(model.gpus?.gpus[0].utilization).toBe(80);
    expect(changes).toBe(1);
    await pass(1000);
    expect(log.what).toEqual([]);
  });
});
