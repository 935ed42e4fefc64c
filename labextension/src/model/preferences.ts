// What people have set of this extension, with JupyterLab's settings editor.
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ISignal, Signal } from '@lumino/signaling';
import { IPreferences } from '../tokens';

/** Settings of JupyterLab in which they are kept: those of the plugin of commands. */
export const SETTINGS = 'jupyter-gpu-containers:commands';

const DEFAULTS: IPreferences.IValues = {
  launchNotifications: true,
  toolbarButton: true,
  confirmLosses: true,
  rememberInNotebooks: true
};

/** See {@link IPreferences}. */
export class Preferences implements IPreferences {
  get values(): IPreferences.IValues {
    return this._values;
  }

  get changed(): ISignal<this, IPreferences.IValues> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      Signal.clearData(this);
    }
  }

  /** Follow settings; where they cannot be loaded, everything is as it is by default. */
  async follow(registry: Pick<ISettingRegistry, 'load'> | null): Promise<void> {
    // JupyterLab itself tells of settings that cannot be loaded
    const settings = await registry?.load(SETTINGS).catch(() => null);
    if (settings && !this._isDisposed) {
      settings.changed.connect(this._read, this);
      this._read(settings);
    }
  }

  private _read(settings: ISettingRegistry.ISettings): void {
    const read = (key: keyof IPreferences.IValues): boolean => {
      const { composite } = settings.get(key);
      return typeof composite === 'boolean' ? composite : DEFAULTS[key];
    };
    this._values = {
      launchNotifications: read('launchNotifications'),
      toolbarButton: read('toolbarButton'),
      confirmLosses: read('confirmLosses'),
      rememberInNotebooks: read('rememberInNotebooks')
    };
    this._changed.emit(this._values);
  }

  private _changed = new Signal<this, IPreferences.IValues>(this);
  private _isDisposed = false;
  private _values = DEFAULTS;
}
