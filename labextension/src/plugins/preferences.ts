// Plugin: what people have set.
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Preferences } from '../model/preferences';
import { IPreferences } from '../tokens';

/** Provides the settings. */
export const preferences: JupyterFrontEndPlugin<IPreferences> = {
  id: 'jupyter-gpu-containers:preferences',
  description: 'Provides what people have set of kernels in containers.',
  autoStart: true,
  provides: IPreferences,
  optional: [ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    settingRegistry: ISettingRegistry | null
  ): IPreferences => {
    const preferences = new Preferences();
    void preferences.follow(settingRegistry);
    return preferences;
  }
};
