// What an image of a kernel's container would have, and the name that it gets.
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { formatSize } from '../model/format';
import { IChanges, IPackageChange } from '../client/wireImages';
import { NameField } from './nameForm';

/** Rows that are shown of a list; the rest is counted. */
const SHOWN = 50;

/** Body of the dialog that saves a kernel. */
export class SaveForm extends ReactWidget {
  constructor(
    private readonly _trans: TranslationBundle,
    private readonly _changes: IChanges
  ) {
    super();
    this.addClass('jp-GpuContainers-save');
  }

  /** The name that was typed. */
  getValue(): string {
    return this._name.trim();
  }

  protected render(): React.JSX.Element {
    const { _trans: trans, _changes: changes } = this;
    return (
      <>
        <NameField
          initial=""
          names={[changes.image]}
          trans={trans}
          onChange={name => {
            this._name = name;
          }}
        />
        <Preview trans={trans} changes={changes} />
      </>
    );
  }

  private _name = '';
}

interface IProps {
  trans: TranslationBundle;
  changes: IChanges;
}

function Preview({ trans, changes }: IProps): React.JSX.Element {
  const { added, changed, credentials, folders, image, packages, removed } =
    changes;
  const facts = [
    changes.size !== null && trans.__('%1 more', formatSize(changes.size)),
    trans.__('%1 files added', added),
    trans.__('%1 changed', changed),
    trans.__('%1 removed', removed)
  ];
  return (
    <>
      <p>
        {trans.__('Compared with %1:', image)}{' '}
        {facts.filter(Boolean).join(' · ')}
      </p>
      {credentials.length > 0 && (
        <div role="alert">
          <strong>
            {trans.__('Whoever gets the image can read these files:')}
          </strong>
          <Rows
            trans={trans}
            rows={credentials.map(({ path, reason }) => [path, reason])}
          />
        </div>
      )}
      <Part title={trans.__('Packages')} isOpen size={packages.length}>
        <Rows trans={trans} rows={packages.map(each => row(trans, each))} />
      </Part>
      <Part title={trans.__('Folders')} size={folders.length}>
        <Rows
          trans={trans}
          rows={folders.map(({ folder, files, size }) => [
            folder,
            trans.__('%1 files, %2', files, formatSize(size))
          ])}
        />
      </Part>
      <Part
        title={trans.__('Not in the image')}
        isOpen
        size={changes.left_out.length}
      >
        <Rows
          trans={trans}
          rows={changes.left_out.map(({ path, packages, reason, size }) => [
            path,
            [reason, size ? formatSize(size) : '', ...packages]
              .filter(Boolean)
              .join(', ')
          ])}
        />
      </Part>
      <Part title={trans.__('The same by a Dockerfile')} size={1}>
        {Object.entries({
          Dockerfile: changes.dockerfile,
          ...changes.files
        }).map(([name, text]) => (
          <React.Fragment key={name}>
            <strong>{name}</strong>
            <pre>{text}</pre>
          </React.Fragment>
        ))}
      </Part>
    </>
  );
}

function Part(
  props: React.PropsWithChildren<{
    title: string;
    size: number;
    isOpen?: boolean;
  }>
): React.JSX.Element | null {
  return props.size > 0 ? (
    <details open={props.isOpen}>
      <summary>{props.title}</summary>
      {props.children}
    </details>
  ) : null;
}

function Rows(props: {
  trans: TranslationBundle;
  rows: string[][];
}): React.JSX.Element {
  const { rows, trans } = props;
  const more = rows.length - SHOWN;
  return (
    <ul className="jp-GpuContainers-list">
      {rows.slice(0, SHOWN).map(([name, text], index) => (
        <li key={index}>
          <span>{name}</span>
          <span className="jp-GpuContainers-detail">{text}</span>
        </li>
      ))}
      {more > 0 && <li>{trans.__('… and %1 more', more)}</li>}
    </ul>
  );
}

/** "numpy" and "1.26 → 2.1, by pip". */
function row(trans: TranslationBundle, change: IPackageChange): string[] {
  const { after, before, kind, manager, name } = change;
  const versions = [before, after].filter(Boolean).join(' → ');
  const what =
    kind === 'removed' ? trans.__('removed, %1', versions) : versions;
  return [name, trans.__('%1, by %2', what, manager)];
}
