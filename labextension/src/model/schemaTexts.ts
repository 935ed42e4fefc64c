// The texts of a settings schema that people read, in another language.
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { JSONExt, PartialJSONObject } from '@lumino/coreutils';

/** Translates a text; the context is the one that JupyterLab gives to such texts. */
export type Translate = (
  context: 'schema' | 'settings',
  text: string
) => string;

/** A copy of a schema with title, description and those of its properties translated. */
export function translateSchema(
  schema: ISettingRegistry.ISchema,
  translate: Translate
): ISettingRegistry.ISchema {
  const copy: ISettingRegistry.ISchema = JSONExt.deepCopy(schema);
  translateTexts(copy, text => translate('schema', text));
  for (const property of Object.values(copy.properties ?? {})) {
    translateTexts(property, text => translate('settings', text));
  }
  return copy;
}

function translateTexts(
  of: PartialJSONObject,
  translate: (text: string) => string
): void {
  for (const key of ['title', 'description']) {
    const text = of[key];
    if (typeof text === 'string') {
      of[key] = translate(text);
    }
  }
}
