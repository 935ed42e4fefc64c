// Registries: which ones this user is logged in to, and what is asked of them.
import { Event } from '@jupyterlab/services';
import { ISignal, Signal } from '@lumino/signaling';
import { GpuContainersClient } from '../client/client';
import { handleEvent } from '../client/events';
import { toProblem } from '../client/requests';
import { splitReference } from './references';
import { Reloader } from './reloader';
import { IVisibility, PageVisibility } from './visibility';
import { IRegistriesModel } from '../tokens';
import { IProblem } from '../client/wire';
import {
  ICatalogueEntry,
  ILogin,
  INewLogin,
  ISearchResult,
  ITags
} from '../client/wireImages';

/** See {@link IRegistriesModel}. Secrets pass through and are not kept. */
export class RegistriesModel implements IRegistriesModel {
  constructor(options: RegistriesModel.IOptions) {
    this._client = options.client;
    this._events = options.events;
    this._visibility = options.visibility ?? new PageVisibility();
    this._reloader = new Reloader(
      () => this._load(),
      () => !this._visibility.isHidden
    );
    this._reloader.loaded.connect(() => this._changed.emit(), this);
    this._events?.stream.connect(this._onEvent, this);
    this._visibility.returned.connect(this._onReturned, this);
  }

  get logins(): readonly ILogin[] | null {
    return this._logins;
  }

  get problem(): IProblem | null {
    return this._reloader.problem;
  }

  get recommended(): readonly ICatalogueEntry[] | null {
    return this._recommended;
  }

  get recommendedProblem(): IProblem | null {
    return this._recommendedProblem;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    this._events?.stream.disconnect(this._onEvent, this);
    this._visibility.dispose();
    this._reloader.dispose();
    Signal.clearData(this);
  }

  async refresh(): Promise<void> {
    await this._reloader.load();
    this._changed.emit();
  }

  async loadRecommended(): Promise<void> {
    try {
      this._recommended = await this._client.catalogue();
      this._recommendedProblem = null;
    } catch (reason) {
      this._recommendedProblem = toProblem(reason);
    }
    this._changed.emit();
  }

  async login(
    host: string,
    secret: string,
    username?: string
  ): Promise<INewLogin> {
    const login = await this._client.login(host, secret, username);
    await this.refresh();
    return login;
  }

  async logout(host: string): Promise<void> {
    await this._client.logout(host);
    await this.refresh();
  }

  catalogue(): Promise<ICatalogueEntry[]> {
    return this._client.catalogue();
  }

  search(query: string): Promise<ISearchResult[]> {
    return this._client.search(query);
  }

  tags(reference: string): Promise<ITags> {
    const { host, repository } = splitReference(reference);
    return this._client.tags(host, repository);
  }

  private async _load(): Promise<() => void> {
    const logins = await this._client.logins();
    return () => {
      this._logins = logins;
    };
  }

  private _onEvent(_: Event.IManager, event: Event.Emission): void {
    handleEvent(event, {
      changed: resource => {
        if (resource === 'registries' && this._logins) {
          this._reloader.outdated();
        }
      }
    });
  }

  private _onReturned(): void {
    if (this._reloader.isOutdated) {
      this._reloader.outdated();
    }
  }

  private _changed = new Signal<this, void>(this);
  private _client: GpuContainersClient;
  private _events: Event.IManager | undefined;
  private _isDisposed = false;
  private _logins: ILogin[] | null = null;
  private _recommended: ICatalogueEntry[] | null = null;
  private _recommendedProblem: IProblem | null = null;
  private _reloader: Reloader;
  private _visibility: IVisibility;
}

/** Options of the registries. */
export namespace RegistriesModel {
  /** What they are made of. */
  export interface IOptions {
    client: GpuContainersClient;
    /** Jupyter's event bus; without it, only logins of this page are known. */
    events?: Event.IManager;
    /** Whether the page can be seen; by default that of the browser. */
    visibility?: IVisibility;
  }
}
