// The strings that people read, and their translations. `jlpm translate` brings the files of all
// languages in line with the sources: what is new is added with an empty translation to fill in,
// what no source says any more is taken out.
const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript');

const DOMAIN = 'jupyter_gpu_containers';
const ROOT = path.join(__dirname, '..');
const LOCALES = path.join(ROOT, DOMAIN, 'locale');
/** Between a context and its string, as gettext has it. */
const DELIMITER = '\u0004';
/** Methods of a translation bundle: where their context, their string and its plural stand. */
const METHODS = {
  __: { message: 0 },
  gettext: { message: 0 },
  _n: { message: 0, plural: 1 },
  ngettext: { message: 0, plural: 1 },
  _p: { context: 0, message: 1 },
  pgettext: { context: 0, message: 1 },
  _np: { context: 0, message: 1, plural: 2 },
  npgettext: { context: 0, message: 1, plural: 2 }
};
/** What JupyterLab translates of a schema, with the context that it gives it. */
const SCHEMA = [
  [/^\/(title|description)$/, 'schema'],
  [/^(\/definitions\/.*)?\/properties\/.*\/(title|description)$/, 'settings'],
  [/^\/jupyter\.lab\.setting-icon-label$/, 'settings'],
  [/^\/jupyter\.lab\.menus\/.*\/label$/, 'menu'],
  [/^\/jupyter\.lab\.toolbars\/.*\/label$/, 'toolbar']
];

/** All strings of the sources: a map from the key to the plural, or to null where there is none. */
function messages() {
  const found = new Map();
  const source = path.join(__dirname, 'src');
  for (const file of filesIn(source, /\.tsx?$/)) {
    if (!file.includes('__tests__')) {
      messagesOf(file, fs.readFileSync(file, 'utf8'), found);
    }
  }
  for (const file of filesIn(path.join(__dirname, 'schema'), /\.json$/)) {
    messagesOfSchema(JSON.parse(fs.readFileSync(file, 'utf8')), found);
  }
  return found;
}

/** Add the strings of a TypeScript file. */
function messagesOf(file, text, found = new Map()) {
  const kind = file.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS;
  const root = ts.createSourceFile(
    file,
    text,
    ts.ScriptTarget.ES2020,
    true,
    kind
  );
  const visit = node => {
    if (
      ts.isCallExpression(node) &&
      isBundle(node.expression) &&
      // where the linter was told that the text comes from elsewhere
      !node.getFullText().includes('jupyter/no-dynamic-translation')
    ) {
      const places = METHODS[node.expression.name.text];
      const argument = place => {
        const value = node.arguments[place];
        if (value && ts.isStringLiteralLike(value)) {
          return value.text;
        }
        const { line } = root.getLineAndCharacterOfPosition(node.getStart());
        throw new Error(
          `${file}:${line + 1}: not a plain string: ${node.getText()}`
        );
      };
      const context = 'context' in places ? argument(places.context) : null;
      const plural = 'plural' in places ? argument(places.plural) : null;
      add(found, context, argument(places.message), plural);
    }
    ts.forEachChild(node, visit);
  };
  visit(root);
  return found;
}

/** Whether an expression is a method of a translation bundle, such as `this._trans.__`. */
function isBundle(expression) {
  return (
    ts.isPropertyAccessExpression(expression) &&
    expression.name.text in METHODS &&
    /(^|[._])trans$/.test(expression.expression.getText())
  );
}

/** Add the strings of a settings schema. */
function messagesOfSchema(value, found = new Map(), at = '') {
  if (typeof value === 'string') {
    const [, context] = SCHEMA.find(([pattern]) => pattern.test(at)) ?? [];
    if (context && value) {
      add(found, context, value, null);
    }
  } else if (value && typeof value === 'object') {
    for (const [key, inner] of Object.entries(value)) {
      messagesOfSchema(
        inner,
        found,
        Array.isArray(value) ? `${at}[${key}]` : `${at}/${key}`
      );
    }
  }
  return found;
}

function add(found, context, message, plural) {
  const key = context === null ? message : context + DELIMITER + message;
  if (found.has(key) && found.get(key) !== plural) {
    throw new Error(`Both with and without a plural, or with two: ${message}`);
  }
  found.set(key, plural);
}

/** What is wrong with a language's file, in words. */
function problemsOf(translations, found = messages()) {
  const { '': header, ...rest } = translations;
  const forms = Number(/nplurals=(\d)/.exec(header?.plural_forms ?? '')?.[1]);
  const problems = forms ? [] : ['The header has no plural_forms'];
  const say = (what, key) =>
    problems.push(`${what}: ${key.replace(DELIMITER, ' | ')}`);
  for (const [key, plural] of found) {
    const translated = rest[key];
    if (!translated) {
      say('Not translated', key);
      continue;
    }
    if (translated.length !== (plural === null ? 1 : forms)) {
      say('Wrong number of forms', key);
    }
    if (translated.some(form => !form.trim())) {
      say('Not translated', key);
      continue;
    }
    const wanted = placeholders(plural ?? key);
    // a singular may say "one" instead of "%1"
    const compared = plural === null ? translated : translated.slice(1);
    if (compared.some(form => placeholders(form) !== wanted)) {
      say('Other placeholders', key);
    }
    if (compared.some(form => /…$/.test(form) !== /…$/.test(plural ?? key))) {
      say('Ends with … in one language only', key);
    }
  }
  Object.keys(rest)
    .filter(key => !found.has(key))
    .forEach(key => say('No source says so', key));
  return problems;
}

/** The placeholders of a text, as text. */
function placeholders(text) {
  return [...new Set(text.match(/%\d+/g) ?? [])].sort().join(' ');
}

/** The files of all languages. */
function files() {
  return filesIn(LOCALES, /\.json$/);
}

/** The translations of all languages, by the file's name. */
function languages() {
  return files().map(file => [
    path.relative(LOCALES, file),
    JSON.parse(fs.readFileSync(file, 'utf8'))
  ]);
}

/** A language's translations as they should be, with what is new left empty. */
function updated(translations, found = messages()) {
  const { '': header } = translations;
  const forms = Number(/nplurals=(\d)/.exec(header.plural_forms)[1]);
  const result = { '': header };
  for (const key of [...found.keys()].sort()) {
    const empty = Array(found.get(key) === null ? 1 : forms).fill('');
    const known = translations[key];
    result[key] = known?.length === empty.length ? known : empty;
  }
  return result;
}

function filesIn(folder, pattern) {
  return fs
    .readdirSync(folder, { recursive: true })
    .map(name => path.join(folder, name))
    .filter(name => pattern.test(name))
    .sort();
}

module.exports = {
  languages,
  messages,
  messagesOf,
  messagesOfSchema,
  problemsOf,
  updated
};

if (require.main === module) {
  for (const file of files()) {
    const next = updated(JSON.parse(fs.readFileSync(file, 'utf8')));
    fs.writeFileSync(file, `${JSON.stringify(next, null, 2)}\n`);
    const problems = problemsOf(next);
    console.log([path.relative(ROOT, file), ...problems].join('\n  '));
    process.exitCode ||= problems.length ? 1 : 0;
  }
}
