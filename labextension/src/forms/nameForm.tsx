// Asks for a name of an image.
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { IImage } from '../client/wire';

/** Body of the dialogs that tag and push. */
export class NameForm extends ReactWidget {
  constructor(
    private readonly _trans: TranslationBundle,
    private readonly _image: IImage
  ) {
    super();
    this.addClass('jp-GpuContainers-name');
    this._name = _image.references[0] ?? '';
  }

  /** The name that was typed. */
  getValue(): string {
    return this._name.trim();
  }

  protected render(): React.JSX.Element {
    return (
      <NameField
        initial={this._name}
        names={this._image.references}
        trans={this._trans}
        onChange={name => {
          this._name = name;
        }}
      />
    );
  }

  private _name: string;
}

/** A field for a whole reference. */
export function NameField(props: {
  initial: string;
  /** What is proposed. */
  names: readonly string[];
  trans: TranslationBundle;
  onChange: (name: string) => void;
}): React.JSX.Element {
  const { initial, names, trans, onChange } = props;
  const [name, setName] = React.useState(initial);
  const id = 'jp-GpuContainers-names';
  return (
    <div className="jp-GpuContainers-loginFields">
      <label>
        <span>{trans.__('Name')}</span>
        <input
          className="jp-mod-styled"
          required
          spellCheck={false}
          list={id}
          placeholder={trans.__('registry.example.org/team/image:1.0')}
          value={name}
          onChange={({ target }) => {
            setName(target.value);
            onChange(target.value);
          }}
        />
      </label>
      <datalist id={id}>
        {names.map(name => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <p className="jp-GpuContainers-subtitle">
        {trans.__(
          'registry.example.org/team/image:1.0 can be pushed to the registry of that name; a name without one belongs to Docker Hub.'
        )}
      </p>
    </div>
  );
}
