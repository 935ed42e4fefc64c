// The REST client: addresses, and failures in the server's words.
import { RequestError, toProblem } from '../client/requests';
import { BUSY, FakeServer, json } from './fakes';

describe('GpuContainersClient', () => {
  let server: FakeServer;

  beforeEach(() => {
    server = new FakeServer();
  });

  it('keeps the slashes of an image reference and escapes the rest', async () => {
    server.answers.set('GET images/nvcr.io/nvidia/pytorch%3A25.08%23', {
      id: 'sha256:1'
    });
    const image = await server.client().image('nvcr.io/nvidia/pytorch:25.08#');
    expect(image.id).toBe('sha256:1');
  });

  it('posts a launch', async () => {
    server.answers.set('POST launches', json({ id: 'l1' }, 202));
    const launch = await server
      .client()
      .launch({ environment: 'pytorch-1gpu' });
    expect(launch.id).toBe('l1');
    expect(server.requests).toEqual([
      { what: 'POST launches', body: { environment: 'pytorch-1gpu' } }
    ]);
  });

  it('accepts an answer without a body', async () => {
    server.answers.set(
      'DELETE launches/l1',
      new Response(null, { status: 204 })
    );
    await expect(server.client().cancel('l1')).resolves.toBeUndefined();
  });

  it('rejects in the server’s words', async () => {
    server.answers.set('POST launches', json(BUSY, 409));
    const reason: unknown = await server
      .client()
      .launch({})
      .catch((reason: unknown) => reason);
    expect(reason).toBeInstanceOf(RequestError);
    expect(toProblem(reason)).toEqual(BUSY);
    expect((reason as RequestError).status).toBe(409);
  });

  it('tells a missing server half from a missing launch', async () => {
    server.answers.delete('GET status');
    server.answers.set(
      'DELETE launches/l1',
      json(
        { code: 'launch_not_found', message: 'No launch l1.', hint: '' },
        404
      )
    );
    const missing = (await server
      .client()
      .status()
      .catch((reason: unknown) => reason)) as RequestError;
    const unknown = (await server
      .client()
      .cancel('l1')
      .catch((reason: unknown) => reason)) as RequestError;
    expect(missing.isMissingServer).toBe(true);
    expect(unknown.isMissingServer).toBe(false);
  });

  it('says when nobody answers', async () => {
    server.answers.set('GET gpus', () => {
      throw new TypeError('Failed to fetch');
    });
    const reason: unknown = await server
      .client()
      .gpus()
      .catch((reason: unknown) => reason);
    expect(toProblem(reason).code).toBe('no_answer');
  });

  it('does not fetch again what it has', async () => {
    let tag = 'W/"1"';
    const asked: (string | null)[] = [];
    server.answers.set('GET images', request => {
      asked.push(request.headers.get('If-None-Match'));
      if (request.headers.get('If-None-Match') === tag) {
        return new Response(null, { status: 304, headers: { ETag: tag } });
      }
      return new Response(JSON.stringify({ images: [{ id: tag }] }), {
        headers: { ETag: tag }
      });
    });
    const client = server.client();
    const first = await client.images();
    const again = await client.images();
    expect(again).toEqual(first);
    expect(again).not.toBe(first); // each may be changed by its owner
    tag = 'W/"2"';
    expect(await client.images()).toEqual([{ id: tag }]);
    expect(asked).toEqual([null, 'W/"1"', 'W/"1"']);
  });

  it('forgets what it has after a failure, and where it is not told a tag', async () => {
    const asked: (string | null)[] = [];
    const answers = [
      new Response('{"entries": []}', { headers: { ETag: 'W/"1"' } }),
      json(BUSY, 503),
      new Response('{"entries": []}'),
      new Response('{"entries": []}')
    ];
    server.answers.set('GET catalogue', request => {
      asked.push(request.headers.get('If-None-Match'));
      return answers[asked.length - 1];
    });
    const client = server.client();
    await client.catalogue();
    await expect(client.catalogue()).rejects.toMatchObject({
      message: BUSY.message
    });
    await client.catalogue();
    await client.catalogue();
    expect(asked).toEqual([null, 'W/"1"', null, null]);
  });
});
