// The images on the engine, with their size and framework.
import { CommandRegistry } from '@lumino/commands';
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { CommandIDs } from '../commandIds';
import { formatBytes, imageKey, imageTitle, shortVersion } from '../format';
import { IImage } from '../wire';

/** The images section of the panel. */
export function Images(props: {
  images: readonly IImage[];
  commands: CommandRegistry;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { images, commands, trans } = props;
  if (images.length === 0) {
    return (
      <p className="jp-GpuContainers-empty">
        {trans.__('There is no image on this machine yet.')}
      </p>
    );
  }
  return (
    <ul className="jp-GpuContainers-list">
      {images.map(image => (
        <li
          key={image.id}
          className="jp-GpuContainers-image"
          data-state={image.problem ? 'unavailable' : 'ready'}
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
              <span className="jp-GpuContainers-title">
                {imageTitle(image)}
              </span>
              <span className="jp-GpuContainers-detail">
                {formatBytes(image.size)}
              </span>
            </span>
            <ImageDetail image={image} trans={trans} />
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The second line of an image: what is in it, or why it cannot be used. */
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
    imageKey(image)
  ];
  return (
    <span className="jp-GpuContainers-subtitle">
      {facts.filter(Boolean).join(' · ')}
    </span>
  );
}
