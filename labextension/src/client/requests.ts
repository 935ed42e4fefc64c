// Requests to `/gpu-containers/`: JSON in, JSON out, failures in the server's words.
import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import { IProblem } from './wire';

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
    return isMissingServer(this);
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

/** Whether a problem is that Jupyter Server answers, but without our server extension. */
export function isMissingServer({ code }: IProblem): boolean {
  return code === 'http_404';
}

/** What goes behind the path's question mark. */
export type Query = Readonly<Record<string, string>>;

/** Sends requests. Every method rejects with a {@link RequestError}. */
export class Requests {
  constructor(
    private readonly _settings: ServerConnection.ISettings,
    private readonly _trans: TranslationBundle
  ) {}

  /** Ask for something. */
  get<T>(path: string, query: Query = {}): Promise<T> {
    return this._request<T>(path, 'GET', query);
  }

  /**
   * Ask for something large that changes seldom: what is here already does not travel again.
   * Each answer is a value of its own, which its owner may change.
   */
  async getAgain<T>(path: string): Promise<T> {
    const known = this._known.get(path);
    const headers = new Headers(this._settings.init.headers);
    if (known) {
      headers.set('If-None-Match', known.tag);
    }
    const response = await this._fetch(path, {}, { method: 'GET', headers });
    if (response.status === 304 && known) {
      return JSON.parse(known.text) as T;
    }
    const text = await response.text();
    const tag = response.headers.get('ETag'); // another origin's is not to be seen
    if (response.ok && tag) {
      this._known.set(path, { tag, text });
    } else {
      this._known.delete(path);
    }
    return this._answer<T>(response, text);
  }

  /** Make something, or have something done. */
  post<T>(path: string, body: object): Promise<T> {
    return this._request<T>(path, 'POST', {}, JSON.stringify(body));
  }

  /** Change part of something. */
  patch<T>(path: string, body: object): Promise<T> {
    return this._request<T>(path, 'PATCH', {}, JSON.stringify(body));
  }

  /** End or remove something. */
  delete<T>(path: string, query: Query = {}): Promise<T> {
    return this._request<T>(path, 'DELETE', query);
  }

  /**
   * Ask for text, and yield its parts as they come: first an empty one, when the server answers.
   * It ends without an error where it is given up.
   */
  async *stream(
    path: string,
    query: Query,
    signal?: AbortSignal
  ): AsyncGenerator<string, void, void> {
    try {
      const response = await this._fetch(path, query, { signal });
      if (!response.ok) {
        const answer = parseJson(await response.text());
        const problem = this._problem(response, answer);
        throw new RequestError(problem, response.status);
      }
      yield '';
      const reader = response.body?.getReader();
      const decoder = new TextDecoder();
      for (;;) {
        const part = await reader?.read();
        if (!part || part.done) {
          return;
        }
        yield decoder.decode(part.value, { stream: true });
      }
    } catch (reason) {
      if (signal?.aborted) {
        return;
      }
      throw reason instanceof TypeError ? this._noAnswer() : reason;
    }
  }

  private async _request<T>(
    path: string,
    method: string,
    query: Query,
    body?: string
  ): Promise<T> {
    const response = await this._fetch(path, query, { method, body });
    return this._answer<T>(response, await response.text());
  }

  private _answer<T>(response: Response, text: string): T {
    const answer = parseJson(text);
    if (!response.ok) {
      throw new RequestError(this._problem(response, answer), response.status);
    }
    return answer as T;
  }

  private async _fetch(
    path: string,
    query: Query,
    init: RequestInit
  ): Promise<Response> {
    const url =
      URLExt.join(this._settings.baseUrl, 'gpu-containers', path) +
      URLExt.objectToQueryString(query);
    try {
      return await ServerConnection.makeRequest(url, init, this._settings);
    } catch (reason) {
      if (!(reason instanceof ServerConnection.NetworkError)) {
        throw reason;
      }
      throw this._noAnswer();
    }
  }

  private _noAnswer(): RequestError {
    const message = this._trans.__('Jupyter Server does not answer.');
    const hint = this._trans.__('Is it still running?');
    return new RequestError({ code: 'no_answer', message, hint }, 0);
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

  private readonly _known = new Map<string, { tag: string; text: string }>();
}

/** A body as JSON; null where it is empty or something else. */
function parseJson(text: string): unknown {
  try {
    return text ? JSON.parse(text) : null;
  } catch (reason) {
    if (reason instanceof SyntaxError) {
      return null;
    }
    throw reason;
  }
}
