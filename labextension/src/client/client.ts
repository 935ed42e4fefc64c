// The REST API of the server half, typed.
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { Requests } from './requests';
import { DOMAIN } from '../tokens';
import {
  IEnvironment,
  IGpus,
  IImage,
  ILaunch,
  ILimits,
  INewLaunch,
  IStatus
} from './wire';
import {
  ICatalogueEntry,
  IChanges,
  IImageDetails,
  IJob,
  IJobSource,
  ILogin,
  INewLogin,
  ISearchResult,
  ITags,
  JobKind
} from './wireImages';

/** How much of a log is wanted. */
export interface ILogOptions {
  /** Lines to begin with. */
  tail: number;
  /** Whether the answer goes on until the container ends. */
  follow: boolean;
  /** Gives it up. */
  signal?: AbortSignal;
}

/** Speaks to `/gpu-containers/`. Every method rejects with a `RequestError`. */
export class GpuContainersClient {
  constructor(settings: ServerConnection.ISettings, trans?: TranslationBundle) {
    this._requests = new Requests(
      settings,
      trans ?? nullTranslator.load(DOMAIN)
    );
  }

  /** The engine, and whether it answers. */
  status(): Promise<IStatus> {
    return this._requests.get<IStatus>('status');
  }

  /** The GPUs and who holds them. */
  gpus(): Promise<IGpus> {
    return this._requests.get<IGpus>('gpus');
  }

  /** What a kernel gets by default, and may have at most. */
  limits(): Promise<ILimits> {
    return this._requests.get<ILimits>('limits');
  }

  /** The images on the engine. */
  async images(): Promise<IImage[]> {
    const answer = await this._requests.getAgain<{ images: IImage[] }>(
      'images'
    );
    return answer.images;
  }

  /** One image, on the engine (then looked into for its kernels) or in its registry. */
  image(reference: string): Promise<IImageDetails> {
    return this._requests.get<IImageDetails>(imagePath(reference));
  }

  /** Give an image another name. */
  async tag(source: string, reference: string): Promise<void> {
    await this._requests.post<unknown>('images', { source, reference });
  }

  /** Take a name off an image, and delete it with its last one; returns what went. */
  async removeImage(reference: string, force: boolean): Promise<string[]> {
    const query: Record<string, string> = force ? { force: 'true' } : {};
    const path = imagePath(reference);
    const answer = await this._requests.delete<{ removed: string[] }>(
      path,
      query
    );
    return answer.removed;
  }

  /** The environments. */
  async environments(): Promise<IEnvironment[]> {
    const answer = await this._requests.get<{ environments: IEnvironment[] }>(
      'environments'
    );
    return answer.environments;
  }

  /** The launches of this server, newest first. */
  async launches(): Promise<ILaunch[]> {
    const answer = await this._requests.get<{ launches: ILaunch[] }>(
      'launches'
    );
    return answer.launches;
  }

  /** What has changed in a running kernel's container. */
  changes(id: string): Promise<IChanges> {
    return this._requests.get<IChanges>(
      URLExt.join('launches', encodeURIComponent(id), 'changes')
    );
  }

  /** Open a shell in a running kernel's container; returns the name of Jupyter's terminal. */
  async openTerminal(id: string): Promise<string> {
    const path = URLExt.join('launches', encodeURIComponent(id), 'terminals');
    return (await this._requests.post<{ name: string }>(path, {})).name;
  }

  /** What a kernel's container has written, and with `follow` what it writes until it ends. */
  log(id: string, options: ILogOptions): AsyncIterable<string> {
    const { tail, follow, signal } = options;
    return this._requests.stream(
      URLExt.join('launches', encodeURIComponent(id), 'log'),
      { tail: String(tail), follow: follow ? '1' : '0' },
      signal
    );
  }

  /** Ask for a kernel; answers at once. */
  launch(request: INewLaunch): Promise<ILaunch> {
    return this._requests.post<ILaunch>('launches', request);
  }

  /** Start a launch that waits for a GPU now, without one. */
  startOnCpu(id: string): Promise<ILaunch> {
    return this._requests.patch<ILaunch>(
      URLExt.join('launches', encodeURIComponent(id)),
      { gpus: 0 }
    );
  }

  /** Use a running kernel, as far as its idleness goes. */
  keepAlive(id: string): Promise<ILaunch> {
    return this._requests.post<ILaunch>(
      URLExt.join('launches', encodeURIComponent(id), 'keep-alive'),
      {}
    );
  }

  /** Remove the containers that wait for kernels to come. */
  async giveUpSpares(): Promise<void> {
    await this._requests.delete<null>('spares');
  }

  /** Cancel a launch, or end its kernel. */
  async cancel(id: string): Promise<void> {
    await this._requests.delete<null>(
      URLExt.join('launches', encodeURIComponent(id))
    );
  }

  /** The pulls and pushes of this server, newest first. */
  async jobs(): Promise<IJob[]> {
    return (await this._requests.get<{ jobs: IJob[] }>('jobs')).jobs;
  }

  /** Begin a job; the same one again is the same job. */
  startJob(
    kind: JobKind,
    reference: string,
    what: IJobSource = {}
  ): Promise<IJob> {
    return this._requests.post<IJob>('jobs', { kind, reference, ...what });
  }

  /** Cancel a job. */
  cancelJob(id: string): Promise<IJob> {
    return this._requests.delete<IJob>(
      URLExt.join('jobs', encodeURIComponent(id))
    );
  }

  /** The images that are recommended. */
  async catalogue(): Promise<ICatalogueEntry[]> {
    const answer = await this._requests.getAgain<{
      entries: ICatalogueEntry[];
    }>('catalogue');
    return answer.entries;
  }

  /** Search Docker Hub. */
  async search(query: string): Promise<ISearchResult[]> {
    const answer = await this._requests.get<{ results: ISearchResult[] }>(
      'search',
      { q: query }
    );
    return answer.results;
  }

  /** Tags of a repository, newest first; with a text, those that contain it. */
  tags(host: string, repository: string, contains = ''): Promise<ITags> {
    const query = { repository, ...(contains ? { contains } : {}) };
    return this._requests.get<ITags>(
      URLExt.join('registries', encodeURIComponent(host), 'tags'),
      query
    );
  }

  /** The registries that this user is logged in to. */
  async logins(): Promise<ILogin[]> {
    const answer = await this._requests.get<{ registries: ILogin[] }>(
      'registries'
    );
    return answer.registries;
  }

  /** Log in to a registry, which is asked whether it accepts the secret. */
  login(host: string, secret: string, username?: string): Promise<INewLogin> {
    const body = username ? { username, secret } : { secret };
    return this._requests.post<INewLogin>(loginPath(host), body);
  }

  /** Forget a login. */
  async logout(host: string): Promise<void> {
    await this._requests.delete<null>(loginPath(host));
  }

  private readonly _requests: Requests;
}

/** References hold slashes, which stay. */
function imagePath(reference: string): string {
  return URLExt.join('images', URLExt.encodeParts(reference));
}

function loginPath(host: string): string {
  return URLExt.join('registries', encodeURIComponent(host), 'login');
}
