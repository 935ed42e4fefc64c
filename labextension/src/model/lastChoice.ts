// What was started last from the dialog, per user: kept among JupyterLab's settings, which follow
// their user from one page, workspace and browser to the next (Notebook 7 has no state database
// that outlives a page); in some of their own, which the settings editor does not show.
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { PartialJSONObject } from '@lumino/coreutils';
import { IPreset, parsePreset } from './preset';
import { SETTINGS } from './preferences';

/** Settings in which it is kept; their schema hides them. */
export const STORE = 'jupyter-gpu-containers:last';

/** Key in these settings. */
const KEY = 'environment';

/** Key among the settings of the commands, where it was kept before. */
const KEY_BEFORE = 'lastEnvironment';

/** Remembers a choice. */
export interface ILastChoice {
  /** What was remembered, or null; never rejects. */
  get(): Promise<IPreset | null>;
  /** Remember a choice; one that cannot be written is only forgotten with the page. */
  set(preset: IPreset): Promise<void>;
}

/** See {@link ILastChoice}; without a registry of settings it lasts as long as the page. */
export class LastChoice implements ILastChoice {
  constructor(
    private readonly _registry: Pick<
      ISettingRegistry,
      'get' | 'set' | 'remove'
    > | null = null
  ) {}

  async get(): Promise<IPreset | null> {
    if (!this._preset && this._registry) {
      try {
        const { composite } = await this._registry.get(STORE, KEY);
        this._preset = parsePreset(composite) ?? (await this._move());
      } catch {
        return null; // the settings are JupyterLab's to complain about
      }
    }
    return this._preset;
  }

  async set(preset: IPreset): Promise<void> {
    this._preset = preset;
    try {
      const value = { ...preset } as PartialJSONObject;
      await this._registry?.set(STORE, KEY, value);
    } catch {
      return; // it was only a convenience
    }
  }

  /** Take what was kept among the settings that people see. */
  private async _move(): Promise<IPreset | null> {
    const { user } = await this._registry!.get(SETTINGS, KEY_BEFORE);
    const preset = parsePreset(user);
    if (preset) {
      await this.set(preset);
    }
    if (user !== undefined) {
      await this._registry!.remove(SETTINGS, KEY_BEFORE);
    }
    return preset;
  }

  private _preset: IPreset | null = null;
}
