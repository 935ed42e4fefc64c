// The REST API of the server half, typed.
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { DOMAIN } from './tokens';
import {
  IEnvironment,
  IGpus,
  IImage,
  ILaunch,
  INewLaunch,
  IProblem,
  IStatus
} from './wire';

/** An answer that is not a success, in the server's words. */
export class RequestError extends Error implements IProblem {
  constructor(
    problem: IProblem,
    /** HTTP status; 0 when there was no answer. */
    readonly status: number
  ) {
    super(problem.message);
    this.name = 'RequestError';
    this.code = problem.code;
    this.hint = problem.hint;
  }

  readonly code: string;
  readonly hint: string;

  /** Whether Jupyter Server answers, but without our server extension. */
  get isMissingServer(): boolean {
    return this.status === 404 && this.code === 'http_404';
  }
}

/** Turns whatever was thrown into a problem to show. */
export function toProblem(reason: unknown): IProblem {
  if (reason instanceof RequestError) {
    const { code, message, hint } = reason;
    return { code, message, hint };
  }
  const message = reason instanceof Error ? reason.message : String(reason);
  return { code: 'unexpected', message, hint: '' };
}

/** Speaks to `/gpu-containers/`. Every method rejects with a {@link RequestError}. */
export class GpuContainersClient {
  constructor(settings: ServerConnection.ISettings, trans?: TranslationBundle) {
    this._settings = settings;
    this._trans = trans ?? nullTranslator.load(DOMAIN);
  }

  /** The engine, and whether it answers. */
  status(): Promise<IStatus> {
    return this._request<IStatus>('status');
  }

  /** The GPUs and who holds them. */
  gpus(): Promise<IGpus> {
    return this._request<IGpus>('gpus');
  }

  /** The images on the engine. */
  async images(): Promise<IImage[]> {
    return (await this._request<{ images: IImage[] }>('images')).images;
  }

  /** One image, looked into for its kernels. */
  image(reference: string): Promise<IImage> {
    return this._request<IImage>(
      URLExt.join('images', URLExt.encodeParts(reference))
    );
  }

  /** The environments. */
  async environments(): Promise<IEnvironment[]> {
    const answer = await this._request<{ environments: IEnvironment[] }>(
      'environments'
    );
    return answer.environments;
  }

  /** The launches of this server, newest first. */
  async launches(): Promise<ILaunch[]> {
    return (await this._request<{ launches: ILaunch[] }>('launches')).launches;
  }

  /** Ask for a kernel; answers at once. */
  launch(request: INewLaunch): Promise<ILaunch> {
    const body = JSON.stringify(request);
    return this._request<ILaunch>('launches', { method: 'POST', body });
  }

  /** Cancel a launch, or end its kernel. */
  async cancel(id: string): Promise<void> {
    const path = URLExt.join('launches', encodeURIComponent(id));
    await this._request<null>(path, { method: 'DELETE' });
  }

  private async _request<T>(path: string, init: RequestInit = {}): Promise<T> {
    const url = URLExt.join(this._settings.baseUrl, 'gpu-containers', path);
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this._settings);
    } catch (reason) {
      if (!(reason instanceof ServerConnection.NetworkError)) {
        throw reason;
      }
      const message = this._trans.__('Jupyter Server does not answer.');
      const hint = this._trans.__('Is it still running?');
      throw new RequestError({ code: 'no_answer', message, hint }, 0);
    }
    const body: unknown = await parseJson(response);
    if (!response.ok) {
      throw new RequestError(this._problem(response, body), response.status);
    }
    return body as T;
  }

  private _problem(response: Response, body: unknown): IProblem {
    const { code, message, hint } = (body ?? {}) as Partial<IProblem>;
    return {
      code: code ?? `http_${response.status}`,
      message:
        message ??
        this._trans.__(
          'Jupyter Server answered %1 %2.',
          response.status,
          response.statusText
        ),
      hint: hint ?? ''
    };
  }

  private readonly _settings: ServerConnection.ISettings;
  private readonly _trans: TranslationBundle;
}

/** The body as JSON; null where it is empty or something else. */
async function parseJson(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return text ? JSON.parse(text) : null;
  } catch (reason) {
    if (reason instanceof SyntaxError) {
      return null;
    }
    throw reason;
  }
}
