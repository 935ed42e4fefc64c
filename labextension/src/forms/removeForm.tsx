// Asks which names of an image are to be removed.
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { formatSize, imageKey } from '../model/format';
import { IImage } from '../client/wire';

/** Body of the dialog that removes an image. */
export class RemoveForm extends ReactWidget {
  constructor(
    private readonly _trans: TranslationBundle,
    private readonly _image: IImage
  ) {
    super();
    this.addClass('jp-GpuContainers-remove');
    this._names = _image.references.length ? _image.references : [_image.id];
  }

  /** References, or the id of an image without a name. */
  getValue(): string[] {
    return this._names;
  }

  protected render(): React.JSX.Element {
    const { references, size } = this._image;
    const isLast = this._names.length >= references.length;
    return (
      <>
        {references.length > 1 ? (
          <fieldset>
            <legend>{this._trans.__('Names')}</legend>
            {references.map(name => (
              <label key={name}>
                <input
                  type="checkbox"
                  checked={this._names.includes(name)}
                  onChange={() => this._toggle(name)}
                />
                {name}
              </label>
            ))}
          </fieldset>
        ) : (
          <p>
            <code>{imageKey(this._image)}</code>
          </p>
        )}
        <p role="status">
          {isLast
            ? this._trans.__(
                'The image is deleted from this machine. That frees up to %1.',
                formatSize(size)
              )
            : this._trans.__('The image stays, under its other names.')}
        </p>
      </>
    );
  }

  private _toggle(name: string): void {
    this._names = this._names.includes(name)
      ? this._names.filter(other => other !== name)
      : [...this._names, name];
    this.update();
  }

  private _names: string[];
}
