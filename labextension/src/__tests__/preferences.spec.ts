// Settings: as people set them, the usual ones where there are none, and as the schema has them.
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { Signal } from '@lumino/signaling';
import * as schema from '../../schema/commands.json';
import { Preferences, SETTINGS } from '../model/preferences';

/** Settings of one plugin, as the registry gives them. */
class FakeSettings {
  readonly changed = new Signal<this, void>(this);
  values: Record<string, unknown> = {};

  get(key: string): { composite: unknown } {
    return { composite: this.values[key] };
  }

  readonly load = jest.fn((plugin: string) =>
    Promise.resolve(this as unknown as ISettingRegistry.ISettings)
  );
}

describe('Preferences', () => {
  it('begin as the schema says', () => {
    const properties: Record<string, { default: unknown }> = schema.properties;
    const defaults = Object.entries(properties)
      .filter(([, value]) => typeof value.default === 'boolean')
      .map(([key, value]) => [key, value.default]);
    expect(new Preferences().values).toEqual(Object.fromEntries(defaults));
  });

  it('are what people set, also later', async () => {
    const settings = new FakeSettings();
    settings.values = { toolbarButton: false, confirmLosses: 'nonsense' };
    const preferences = new Preferences();
    await preferences.follow(settings);
    expect(settings.load).toHaveBeenCalledWith(SETTINGS);
    expect(preferences.values).toEqual({
      launchNotifications: true,
      toolbarButton: false,
      confirmLosses: true,
      rememberInNotebooks: true
    });
    const seen: boolean[] = [];
    preferences.changed.connect((_, { rememberInNotebooks }) =>
      seen.push(rememberInNotebooks)
    );
    settings.values = { rememberInNotebooks: false };
    settings.changed.emit();
    expect(seen).toEqual([false]);
    preferences.dispose();
    settings.changed.emit();
    expect(seen).toEqual([false]);
  });

  it('are the usual ones where settings cannot be loaded', async () => {
    const preferences = new Preferences();
    await preferences.follow({ load: () => Promise.reject(new Error('no')) });
    await preferences.follow(null);
    expect(preferences.values.toolbarButton).toBe(true);
  });
});
