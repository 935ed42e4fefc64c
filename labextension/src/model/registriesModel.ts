// Registries: which ones this user is logged in to, and what is asked of them.
import { ISignal, Signal } from '@lumino/signaling';
import { GpuContainersClient } from '../client/client';
import { splitReference } from './references';
import { toProblem } from '../client/requests';
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
  constructor(private readonly _client: GpuContainersClient) {}

  get logins(): readonly ILogin[] | null {
    return this._logins;
  }

  get problem(): IProblem | null {
    return this._problem;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    this._isDisposed = true;
    Signal.clearData(this);
  }

  async refresh(): Promise<void> {
    try {
      this._logins = await this._client.logins();
      this._problem = null;
    } catch (reason) {
      this._problem = toProblem(reason);
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

  private _changed = new Signal<this, void>(this);
  private _isDisposed = false;
  private _logins: ILogin[] | null = null;
  private _problem: IProblem | null = null;
}
