// One image: what it is, whether it runs here, how much there is to fetch; and its menu.
import { TranslationBundle } from '@jupyterlab/translation';
import { downloadIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { JSONExt, PartialJSONObject } from '@lumino/coreutils';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import {
  formatSize,
  imageKey,
  imageTitle,
  shortVersion
} from '../model/format';
import { needsWarning } from '../model/verdicts';
import { IImage } from '../client/wire';
import { ICatalogueEntry } from '../client/wireImages';
import { Chips } from '../widgets/chip';
import { IconButton } from '../widgets/iconButton';
import { Place, entryItems, imageItems, openMenu } from './menus';
import { MenuButton, menuEvents } from './rowMenu';

interface IRowProps {
  commands: CommandRegistry;
  trans: TranslationBundle;
}

/** An image on this machine. */
export const ImageRow = React.memo(
  (props: IRowProps & { image: IImage }): React.JSX.Element => {
    const { image, commands, trans } = props;
    const open = (place: Place) => {
      openMenu(commands, imageItems(image), place);
    };
    return (
      <li
        className="jp-GpuContainers-image"
        data-state={image.problem ? 'unavailable' : 'ready'}
        {...menuEvents(open)}
      >
        <div className="jp-GpuContainers-rowLine">
          <button
            type="button"
            className="jp-GpuContainers-rowButton"
            disabled={image.problem !== null}
            title={trans.__('Use %1 for the current notebook', imageKey(image))}
            onClick={() => {
              void commands.execute(CommandIDs.selectEnvironment, {
                image: image.id
              });
            }}
          >
            <span className="jp-GpuContainers-row">
              <span className="jp-GpuContainers-title">
                {imageTitle(image)}
              </span>
              <span className="jp-GpuContainers-detail">
                {formatSize(image.size)}
              </span>
            </span>
            <span className="jp-GpuContainers-subtitle">
              {image.references.join(', ') || image.id}
            </span>
            <Facts image={image} trans={trans} />
          </button>
          <MenuButton
            label={trans.__('Actions for %1', imageTitle(image))}
            open={open}
          />
        </div>
      </li>
    );
  },
  isSame('image')
);
ImageRow.displayName = 'ImageRow';

/** An image that is recommended, with one click to fetch it. */
export const EntryRow = React.memo(
  (props: IRowProps & { entry: ICatalogueEntry }): React.JSX.Element => {
    const { entry, commands, trans } = props;
    const { reference, title, description } = entry;
    const open = (place: Place) => {
      openMenu(commands, entryItems(entry), place);
    };
    return (
      <li
        className="jp-GpuContainers-image"
        data-state="recommended"
        {...menuEvents(open)}
      >
        <div className="jp-GpuContainers-rowLine">
          <button
            type="button"
            className="jp-GpuContainers-rowButton"
            title={[description, reference].filter(Boolean).join('\n')}
            onClick={() => {
              void commands.execute(CommandIDs.addImage, { reference });
            }}
          >
            <span className="jp-GpuContainers-title">{title}</span>
            <span className="jp-GpuContainers-subtitle">{reference}</span>
            <Chips image={entry} trans={trans} />
          </button>
          {!entry.on_engine && !needsWarning(entry.verdict) && (
            <IconButton
              icon={downloadIcon}
              label={
                entry.download
                  ? trans.__('Pull %1: %2', title, formatSize(entry.download))
                  : trans.__('Pull %1', title)
              }
              onClick={() => {
                void commands.execute(CommandIDs.pull, {
                  reference,
                  title,
                  ask: true
                });
              }}
            />
          )}
          <MenuButton label={trans.__('Actions for %1', title)} open={open} />
        </div>
      </li>
    );
  },
  isSame('entry')
);
EntryRow.displayName = 'EntryRow';

/** The last line of an image: whether it runs here and what is in it, or why it cannot be used. */
function Facts(props: {
  image: IImage;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { image, trans } = props;
  if (image.problem) {
    return (
      <span
        className="jp-GpuContainers-warning"
        title={[image.problem.message, image.problem.hint].join('\n')}
      >
        {image.problem.message}
      </span>
    );
  }
  const facts = [
    image.python && trans.__('Python %1', shortVersion(image.python)),
    image.cuda && trans.__('CUDA %1', shortVersion(image.cuda))
  ];
  return (
    <span className="jp-GpuContainers-imageFacts">
      <Chips image={image} trans={trans} without={['here']} />
      <span className="jp-GpuContainers-detail">
        {facts.filter(Boolean).join(' · ')}
      </span>
    </span>
  );
}

/** Answers come anew again and again; a row is drawn anew only where its own has changed. */
function isSame<K extends string>(key: K) {
  return (
    before: IRowProps & Record<K, object>,
    after: IRowProps & Record<K, object>
  ): boolean =>
    before.trans === after.trans &&
    (before[key] === after[key] ||
      JSONExt.deepEqual(
        before[key] as PartialJSONObject,
        after[key] as PartialJSONObject
      ));
}
