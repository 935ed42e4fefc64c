// The menu of a row: by its button, by the right mouse button, by the menu key.
import { ellipsesIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { IconButton } from '../widgets/iconButton';
import { Place } from './menus';

/** The button that opens a row's menu. */
export function MenuButton(props: {
  label: string;
  open: (place: Place) => void;
}): React.JSX.Element {
  const { label, open } = props;
  return (
    <IconButton
      icon={ellipsesIcon}
      label={label}
      hasMenu
      onClick={event => open(event.currentTarget)}
    />
  );
}

/** What a row listens to. Of the keyboard, browsers say where the focused element is. */
export function menuEvents(open: (place: Place) => void): {
  onContextMenu: React.MouseEventHandler<HTMLElement>;
} {
  return {
    onContextMenu: event => {
      event.preventDefault();
      event.stopPropagation();
      const isByKeyboard = event.button !== 2;
      open(
        isByKeyboard && event.target instanceof HTMLElement
          ? event.target
          : event
      );
    }
  };
}
