// The state: what a refresh, an event and a lost launch do to it.
import { json, BUSY, FakeServer, makeLaunch, makeModel } from './fakes';

describe('GpuContainersModel', () => {
  describe('#available', () => {
    it('is true when the server half answers, false when it is missing', async () => {
      expect((await makeModel()).model.available).toBe(true);
      const server = new FakeServer();
      server.answers.delete('GET launches');
      expect((await makeModel(server)).model.available).toBe(false);
    });

    it('is true when the server half answers with a failure', async () => {
      const server = new FakeServer();
      server.answers.set('GET launches', json(BUSY, 503));
      const { model } = await makeModel(server);
      expect(model.available).toBe(true);
      expect(model.problem).toEqual(BUSY);
    });
  });

  describe('#refresh()', () => {
    it('loads everything', async () => {
      const { model } = await makeModel();
      expect(model.images).toBeNull();
      await model.refresh();
      expect(model.status?.engine?.name).toBe('Docker Engine');
      expect(model.images).toEqual([]);
      expect(model.problem).toBeNull();
    });

    it('keeps what could be loaded, and says what could not', async () => {
      const { model, server } = await makeModel();
      server.answers.set('GET images', json(BUSY, 503));
      await model.refresh();
      expect(model.gpus).not.toBeNull();
      expect(model.problem).toEqual(BUSY);
      expect(model.problems).toEqual({ images: BUSY });
      server.answers.set('GET images', { images: [] });
      await model.refresh();
      expect(model.problem).toBeNull();
      expect(model.problems).toEqual({});
    });
  });

  describe('#launches', () => {
    it('follows the events, and ignores those of others', async () => {
      const { model, events } = await makeModel();
      const seen: string[] = [];
      model.launchChanged.connect((_, { phase }) => seen.push(phase));
      events.emit(makeLaunch('queued'));
      events.stream.emit({ schema_id: 'https://other', id: 'x' });
      events.emit(makeLaunch('running'));
      expect(seen).toEqual(['queued', 'running']);
      expect(model.launches).toHaveLength(1);
    });

    it('is not set back by an answer that is older than an event', async () => {
      const { model, server, events } = await makeModel();
      server.answers.set('GET launches', {
        launches: [makeLaunch('creating')]
      });
      events.emit(makeLaunch('running'));
      await model.refresh();
      expect(model.launches[0].phase).toBe('running');
    });

    it('hears nothing after it was disposed of', async () => {
      const { model, events } = await makeModel();
      model.dispose();
      events.emit(makeLaunch('queued'));
      expect(model.launches).toEqual([]);
    });
  });

  describe('#settled()', () => {
    it('waits until a launch runs', async () => {
      const { model, events } = await makeModel();
      events.emit(makeLaunch('starting'));
      const settled = model.settled('l1');
      events.emit(makeLaunch('running'));
      expect((await settled).kernel_id).toBe('new-kernel');
    });

    it('tells of a launch that the server forgot', async () => {
      const { model, events } = await makeModel();
      events.emit(makeLaunch('starting'));
      const settled = model.settled('l1');
      await model.refresh();
      expect((await settled).error?.code).toBe('launch_lost');
      expect(model.launches).toEqual([]);
    });

    it('does not take a launch for lost that was asked for meanwhile', async () => {
      const { model, server } = await makeModel();
      server.answers.set('POST launches', json(makeLaunch('queued'), 202));
      const refreshed = model.refresh();
      await model.launch({ environment: 'pytorch-1gpu' });
      await refreshed;
      expect(model.launches).toHaveLength(1);
    });
  });

  it('#cancel() takes one that is gone for cancelled', async () => {
    const { model, server } = await makeModel();
    await expect(model.cancel('l1')).resolves.toBeUndefined();
    server.answers.set('DELETE launches/l1', json(BUSY, 503));
    await expect(model.cancel('l1')).rejects.toThrow(BUSY.message);
  });

  it('#details() puts the kernels into the list', async () => {
    const { model, server } = await makeModel();
    const image = { id: 'sha256:1', references: ['a:1'], kernels: null };
    const kernels = [{ name: 'ir', display_name: 'R', language: 'R' }];
    server.answers.set('GET images', { images: [image] });
    server.answers.set('GET images/sha256%3A1', { ...image, kernels });
    await model.refresh();
    await model.details('sha256:1');
    expect(model.images?.[0].kernels).toEqual(kernels);
  });
});
