// Plugin: the settings in the language of the interface. JupyterLab's server translates those of
// language packs only, not those of packages that bring their translations along.
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import { Translate, translateSchema } from '../model/schemaTexts';
import { DOMAIN } from '../tokens';

/** The plugins that have settings. */
const IDS = [
  'jupyter-gpu-containers:commands',
  'jupyter-gpu-containers:toolbar'
];

/** Translates titles and descriptions of the settings. */
export const settingsLanguage: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:settings-language',
  description: 'Shows the settings in the language of the interface.',
  autoStart: true,
  requires: [ISettingRegistry, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    registry: ISettingRegistry,
    translator: ITranslator
  ): void => {
    if (translator.languageCode !== 'en') {
      void translateSettings(registry, translator.load(DOMAIN));
    }
  }
};

/** Have the settings' texts translated, now and whenever they are loaded anew. */
export async function translateSettings(
  registry: ISettingRegistry,
  trans: TranslationBundle
): Promise<void> {
  const translate: Translate = (context, text) =>
    // eslint-disable-next-line jupyter/no-dynamic-translation -- found in the schema
    trans._p(context, text);
  const onLoaded = (_: unknown, id: string) => {
    const plugin = IDS.includes(id) ? registry.plugins[id] : undefined;
    if (plugin) {
      plugin.schema = translateSchema(plugin.schema, translate);
    }
  };
  registry.pluginChanged.connect(onLoaded);
  await Promise.all(IDS.map(id => registry.load(id)));
  IDS.forEach(id => onLoaded(registry, id));
}
