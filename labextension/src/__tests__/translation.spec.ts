// Every string has a translation in each language that we ship, and no translation is left over.
/* eslint jupyter/no-untranslated-string: off -- a schema, whose texts JupyterLab translates */
import {
  Translations,
  languages,
  messages,
  messagesOf,
  messagesOfSchema,
  problemsOf,
  updated
} from '../../translation';

const HEADER = { language: 'de-DE', plural_forms: 'nplurals=2; plural=n>1;' };

function german(of: Record<string, string[]>): Translations {
  return { '': HEADER, ...of };
}

describe('strings of the sources', () => {
  it('are found whatever way a bundle is called', () => {
    const found = messagesOf(
      'made-up.tsx',
      `trans.__('one');
       this._trans.__("two", trans._n('%1 GPU', '%1 GPUs', 3));
       props.trans._p('menu', 'three');
       const view = <p title={trans.__('four')}>{trans.__(\`five\`)}</p>;
       transport.__('none of ours'); other.gettext('nor this');`
    );
    expect([...found]).toEqual([
      ['one', null],
      ['two', null],
      ['%1 GPU', '%1 GPUs'],
      ['menu\u0004three', null],
      ['four', null],
      ['five', null]
    ]);
  });

  it.each([
    ["trans.__('a' + b)", /made-up\.ts:1: not a plain string/],
    ['trans.__(text)', /not a plain string/],
    ['trans.__(`a ${b}`)', /not a plain string/],
    ["trans._n('%1 GPU', many, 2)", /not a plain string/],
    ["trans.__('GPU'); trans._n('GPU', 'GPUs', 2)", /with and without a plural/]
  ])('may not be %s', (text, complaint) => {
    expect(() => messagesOf('made-up.ts', text)).toThrow(complaint);
  });

  it('come from settings and menus, too', () => {
    const found = messagesOfSchema({
      title: 'Title',
      'jupyter.lab.menus': { main: [{ id: 'a', items: [{ label: 'Item' }] }] },
      properties: { a: { title: 'A', default: 'no', description: 'What' } }
    });
    expect([...found.keys()]).toEqual([
      'schema\u0004Title',
      'menu\u0004Item',
      'settings\u0004A',
      'settings\u0004What'
    ]);
  });

  it('are many', () => {
    expect(messages().size).toBeGreaterThan(200);
  });
});

describe('problems of translations', () => {
  const found = new Map([
    ['Pull %1', null],
    ['%1 GPU', '%1 GPUs'],
    ['Add…', null]
  ]);
  const good = german({
    'Pull %1': ['%1 holen'],
    '%1 GPU': ['eine GPU', '%1 GPUs'],
    'Add…': ['Hinzufügen…']
  });

  it('are none where all is well', () => {
    expect(problemsOf(good, found)).toEqual([]);
  });

  it.each([
    [{ 'Pull %1': ['holen'] }, 'Other placeholders: Pull %1'],
    [{ 'Pull %1': ['%2 holen'] }, 'Other placeholders: Pull %1'],
    [{ 'Pull %1': [' '] }, 'Not translated: Pull %1'],
    [{ '%1 GPU': ['%1 GPUs'] }, 'Wrong number of forms: %1 GPU'],
    [{ '%1 GPU': ['%1 GPU', 'GPUs'] }, 'Other placeholders: %1 GPU'],
    [{ 'Add…': ['Hinzufügen'] }, 'Ends with … in one language only: Add…'],
    [{ Old: ['Alt'] }, 'No source says so: Old']
  ] as [Translations, string][])('are told: %j', (change, problem) => {
    expect(problemsOf({ ...good, ...change }, found)).toEqual([problem]);
  });

  it('are left to fill in', () => {
    const old = german({ 'Pull %1': ['%1 holen'], Old: ['Alt'] });
    const next = updated(old, found);
    expect(next).toEqual(
      german({ 'Pull %1': ['%1 holen'], '%1 GPU': ['', ''], 'Add…': [''] })
    );
    expect(problemsOf(next, found)).toHaveLength(2);
  });
});

// `jlpm translate` adds what is new, to be filled in, and takes out what is not said any more
it.each(languages())('%s is complete', (_, translations) => {
  expect(problemsOf(translations)).toEqual([]);
});
