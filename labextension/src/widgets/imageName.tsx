// The whole name of an image, to be read and copied.
import { Clipboard } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { copyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { IconButton } from './iconButton';

/** A reference, and a button that copies it. */
export function ImageName(props: {
  reference: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { reference, trans } = props;
  const [isCopied, setCopied] = React.useState(false);
  return (
    <p className="jp-GpuContainers-imageName">
      <code>{reference}</code>
      <IconButton
        icon={copyIcon}
        label={trans.__('Copy name of the image')}
        onClick={() => {
          Clipboard.copyToSystem(reference);
          setCopied(true);
        }}
      />
      <span className="jp-GpuContainers-detail" role="status">
        {isCopied && trans.__('Copied')}
      </span>
    </p>
  );
}
