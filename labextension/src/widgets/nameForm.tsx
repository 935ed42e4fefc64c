// Asks for one more name of an image.
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { IImage } from '../wire';

/** Body of the dialogs that tag and push. */
export class NameForm extends ReactWidget {
  constructor(
    private readonly _trans: TranslationBundle,
    private readonly _image: IImage
  ) {
    super();
    this.addClass('jp-GpuContainers-login');
    this._name = _image.references[0] ?? '';
  }

  /** The name that was typed. */
  getValue(): string {
    return this._name.trim();
  }

  protected render(): React.JSX.Element {
    const id = 'jp-GpuContainers-names';
    return (
      <div className="jp-GpuContainers-loginFields">
        <label>
          <span>{this._trans.__('Name')}</span>
          <input
            className="jp-mod-styled"
            required
            spellCheck={false}
            list={id}
            placeholder={this._trans.__('registry.example.org/team/image:1.0')}
            value={this._name}
            onChange={({ target }) => {
              this._name = target.value;
              this.update();
            }}
          />
        </label>
        <datalist id={id}>
          {this._image.references.map(name => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <p className="jp-GpuContainers-subtitle">
          {this._trans.__(
            'The part before the first slash is the registry; without one, Docker Hub is meant.'
          )}
        </p>
      </div>
    );
  }

  private _name: string;
}
