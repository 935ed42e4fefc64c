// What was started last from the dialog, per user: kept among JupyterLab's settings, which follow
// their user from one page, workspace and browser to the next.
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { PartialJSONObject } from '@lumino/coreutils';
import { IPreset, parsePreset } from './preset';
import { SETTINGS } from './preferences';

/** Key among the settings of the plugin of commands. */
const KEY = 'lastEnvironment';

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
      'get' | 'set'
    > | null = null
  ) {}

  async get(): Promise<IPreset | null> {
    if (!this._preset && this._registry) {
      try {
        const { composite } = await this._registry.get(SETTINGS, KEY);
        this._preset = parsePreset(composite);
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
      await this._registry?.set(SETTINGS, KEY, value);
    } catch {
      return; // it was only a convenience
    }
  }

  private _preset: IPreset | null = null;
}
