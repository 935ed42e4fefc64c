// A button that is an icon: light enough for a thousand rows.
import { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

/** Properties of the button. */
export interface IIconButtonProps {
  icon: LabIcon;
  /** What it does; read out, and shown on hover. */
  label: string;
  onClick: (event: React.MouseEvent<HTMLElement>) => void;
  /** Whether it opens a menu. */
  hasMenu?: boolean;
  disabled?: boolean;
  /**
   * Whether what it stands at goes away with it. Another row has come under the pointer by a double
   * click's second click, which is not meant for that one.
   */
  removes?: boolean;
}

/** An icon to click. */
export function IconButton(props: IIconButtonProps): React.JSX.Element {
  const { icon, label, onClick, hasMenu, disabled, removes } = props;
  return (
    <button
      type="button"
      className="jp-GpuContainers-iconButton"
      title={label}
      aria-label={label}
      aria-haspopup={hasMenu ? 'menu' : undefined}
      disabled={disabled}
      onClick={event => {
        if (!removes || event.detail < 2) {
          onClick(event);
        }
      }}
    >
      <icon.react tag="span" width="16px" height="16px" aria-hidden="true" />
    </button>
  );
}
