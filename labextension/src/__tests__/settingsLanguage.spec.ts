// The settings' titles and descriptions are shown in the language of the interface.
/* eslint jupyter/no-untranslated-string: off -- a schema, whose texts are translated later */
import { SettingRegistry } from '@jupyterlab/settingregistry';
import { TranslationBundle, nullTranslator } from '@jupyterlab/translation';
import { StateDB } from '@jupyterlab/statedb';
import { translateSettings } from '../plugins/settingsLanguage';
import { DOMAIN } from '../tokens';

const ID = 'jupyter-gpu-containers:commands';

function bundle(): TranslationBundle {
  const german: Record<string, string> = {
    'schema GPU containers': 'GPU-Container',
    'settings Ask': 'Fragen',
    'settings Ask before': 'Vorher fragen'
  };
  const trans = nullTranslator.load(DOMAIN);
  const translate = (context: string, text: string) =>
    german[`${context} ${text}`] ?? text;
  return Object.assign(Object.create(trans) as TranslationBundle, {
    _p: translate
  });
}

function registry(): SettingRegistry {
  const plugin = (id: string) => ({
    id,
    data: { composite: {}, user: {} },
    raw: '{}',
    version: '1',
    schema: {
      type: 'object',
      title: 'GPU containers',
      description: 'Not translated yet',
      properties: {
        ask: { type: 'boolean', title: 'Ask', description: 'Ask before' }
      }
    }
  });
  const connector = new StateDB();
  const fetch = (id: string) => Promise.resolve(plugin(id));
  const list = () => Promise.resolve({ ids: [ID], values: [plugin(ID)] });
  return new SettingRegistry({
    connector: Object.assign(connector, { fetch, list }) as never
  });
}

it('settings are translated, also those that are loaded anew', async () => {
  const settings = registry();
  await translateSettings(settings, bundle());
  const expectGerman = async () => {
    const { schema } = await settings.load(ID);
    expect(schema.title).toBe('GPU-Container');
    expect(schema.description).toBe('Not translated yet');
    expect(schema.properties!.ask.title).toBe('Fragen');
    expect(schema.properties!.ask.description).toBe('Vorher fragen');
  };
  await expectGerman();
  await settings.reload(ID);
  await expectGerman();
});
