// The images on the engine: what is in them, whether they run here, what can be done with them.
import { TranslationBundle } from '@jupyterlab/translation';
import {
  ToolbarButtonComponent,
  ellipsesIcon
} from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import {
  formatBytes,
  imageKey,
  imageTitle,
  shortVersion
} from '../model/format';
import { IImage } from '../client/wire';
import { openImageMenu } from './imageMenu';
import { VerdictBadge } from '../widgets/verdict';

interface IImagesProps {
  commands: CommandRegistry;
  trans: TranslationBundle;
}

/** The images section of the panel. */
export function Images(
  props: IImagesProps & { images: readonly IImage[] }
): React.JSX.Element {
  const { images, commands, trans } = props;
  if (images.length === 0) {
    return (
      <p className="jp-GpuContainers-empty">
        {trans.__('There is no image on this machine yet.')}{' '}
        <button
          className="jp-GpuContainers-link"
          onClick={() => {
            void commands.execute(CommandIDs.addImage);
          }}
        >
          {trans.__('Add one…')}
        </button>
      </p>
    );
  }
  return (
    <ul className="jp-GpuContainers-list">
      {images.map(image => (
        <Image key={image.id} {...props} image={image} />
      ))}
    </ul>
  );
}

function Image(props: IImagesProps & { image: IImage }): React.JSX.Element {
  const { image, commands, trans } = props;
  const menu = React.useRef<HTMLSpanElement>(null);
  const open = () => {
    openImageMenu(commands, image, menu.current!);
  };
  return (
    <li
      className="jp-GpuContainers-image"
      data-state={image.problem ? 'unavailable' : 'ready'}
      onContextMenu={event => {
        event.preventDefault();
        open();
      }}
    >
      <button
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
          <span className="jp-GpuContainers-title">{imageTitle(image)}</span>
          <span className="jp-GpuContainers-detail">
            {formatBytes(image.size)}
          </span>
        </span>
        <ImageDetail image={image} trans={trans} />
      </button>
      <span ref={menu}>
        <ToolbarButtonComponent
          icon={ellipsesIcon}
          tooltip={trans.__('Actions for %1', imageTitle(image))}
          onClick={open}
        />
      </span>
    </li>
  );
}

/** The second line of an image: whether it runs here and what is in it, or why it cannot be used. */
export function ImageDetail(props: {
  image: IImage;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { image, trans } = props;
  if (image.problem) {
    return (
      <span className="jp-GpuContainers-warning">{image.problem.message}</span>
    );
  }
  const facts = [
    image.python && trans.__('Python %1', shortVersion(image.python)),
    image.cuda && trans.__('CUDA %1', shortVersion(image.cuda)),
    image.references.join(', ') || image.id
  ];
  return (
    <span className="jp-GpuContainers-row jp-GpuContainers-imageDetail">
      {image.verdict && <VerdictBadge verdict={image.verdict} trans={trans} />}
      <span className="jp-GpuContainers-subtitle">
        {facts.filter(Boolean).join(' · ')}
      </span>
    </span>
  );
}
