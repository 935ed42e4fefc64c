// Asks for an image's name and for what it is made of.
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

/** What an image can be made of. */
export type BuildSource =
  'dockerfile' | 'folder' | 'requirements' | 'environment';

/** What is put into the form; a text for each source, so that none is lost by a look elsewhere. */
export interface IBuildInput {
  reference: string;
  source: BuildSource;
  text: Partial<Record<BuildSource, string>>;
  folder: string;
  file: string;
  base: string;
}

const SOURCES: readonly BuildSource[] = [
  'dockerfile',
  'folder',
  'requirements',
  'environment'
];

/** Body of the dialog that builds. */
export class BuildForm extends ReactWidget {
  constructor(private readonly _options: BuildForm.IOptions) {
    super();
    this.addClass('jp-GpuContainers-build');
    this._input = _options.input;
  }

  /** What was put in. */
  getValue(): IBuildInput {
    return this._input;
  }

  protected render(): React.JSX.Element {
    return (
      <BuildFields
        {...this._options}
        onChange={input => {
          this._input = input;
        }}
      />
    );
  }

  private _input: IBuildInput;
}

/** Types of the form. */
export namespace BuildForm {
  /** What the form starts from. */
  export interface IOptions {
    trans: TranslationBundle;
    input: IBuildInput;
    /** Images on this machine, to build on. */
    bases: readonly string[];
  }
}

function BuildFields(
  props: BuildForm.IOptions & { onChange: (input: IBuildInput) => void }
): React.JSX.Element {
  const { bases, trans, onChange } = props;
  const [input, setInput] = React.useState(props.input);
  const change = (part: Partial<IBuildInput>) => {
    const changed = { ...input, ...part };
    setInput(changed);
    onChange(changed);
  };
  const { source } = input;
  const names: Record<BuildSource, string> = {
    dockerfile: trans.__('Dockerfile'),
    folder: trans.__('Folder with a Dockerfile'),
    requirements: 'requirements.txt',
    environment: 'environment.yml'
  };
  return (
    <div className="jp-GpuContainers-loginFields">
      <Field
        label={trans.__('Name')}
        value={input.reference}
        isRequired
        placeholder={trans.__('team/image:1.0')}
        onChange={reference => {
          change({ reference });
        }}
      />
      <label>
        <span>{trans.__('Made from')}</span>
        <select
          className="jp-mod-styled"
          value={source}
          onChange={({ target }) => {
            change({ source: target.value as BuildSource });
          }}
        >
          {SOURCES.map(each => (
            <option key={each} value={each}>
              {names[each]}
            </option>
          ))}
        </select>
      </label>
      {source === 'folder' ? (
        <>
          <Field
            label={trans.__('Folder')}
            value={input.folder}
            placeholder={trans.__('work/image; empty: the top folder')}
            onChange={folder => {
              change({ folder });
            }}
          />
          <Field
            label={trans.__('Dockerfile in it')}
            value={input.file}
            placeholder={trans.__('Dockerfile')}
            onChange={file => {
              change({ file });
            }}
          />
          <p className="jp-GpuContainers-subtitle">
            {trans.__(
              'Its files are sent to the container engine, but for those that .dockerignore names.'
            )}
          </p>
        </>
      ) : (
        <>
          {source !== 'dockerfile' && (
            <Field
              label={trans.__('Base image')}
              value={input.base}
              isRequired
              names={bases}
              onChange={base => {
                change({ base });
              }}
            />
          )}
          <textarea
            key={source}
            className="jp-mod-styled"
            aria-label={names[source]}
            data-keeps-enter
            required
            spellCheck={false}
            rows={10}
            placeholder={example(source, input.base)}
            value={input.text[source] ?? ''}
            onChange={({ target }) => {
              change({ text: { ...input.text, [source]: target.value } });
            }}
          />
        </>
      )}
    </div>
  );
}

function Field(props: {
  label: string;
  value: string;
  placeholder?: string;
  isRequired?: boolean;
  /** What may be meant. */
  names?: readonly string[];
  onChange: (value: string) => void;
}): React.JSX.Element {
  const { label, names, onChange, isRequired, ...rest } = props;
  const id = React.useId();
  return (
    <label>
      <span>{label}</span>
      <input
        {...rest}
        className="jp-mod-styled"
        required={isRequired}
        spellCheck={false}
        list={names && id}
        onChange={({ target }) => {
          onChange(target.value);
        }}
      />
      {names && (
        <datalist id={id}>
          {names.map(name => (
            <option key={name} value={name} />
          ))}
        </datalist>
      )}
    </label>
  );
}

/** What a text of this kind looks like. */
function example(source: BuildSource, base: string): string {
  switch (source) {
    case 'requirements':
      return 'numpy\npandas >= 2';
    case 'environment':
      return 'dependencies:\n  - python=3.12\n  - numpy';
    default:
      return `FROM ${base || 'python:3.12'}\nRUN pip install numpy`;
  }
}
