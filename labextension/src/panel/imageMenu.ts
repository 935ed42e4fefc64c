// What can be done with an image, as a menu.
import { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';
import { CommandIDs } from '../commands/commandIds';
import { IImage } from '../client/wire';

/** Open the menu of an image below the button that asked for it. */
export function openImageMenu(
  commands: CommandRegistry,
  image: IImage,
  button: HTMLElement
): Menu {
  const menu = new Menu({ commands });
  menu.addClass('jp-GpuContainers-menu');
  const args = { image: image.id };
  const reference = image.references[0];
  menu.addItem({ command: CommandIDs.selectEnvironment, args });
  menu.addItem({ command: CommandIDs.showImage, args });
  menu.addItem({ type: 'separator' });
  if (reference) {
    menu.addItem({ command: CommandIDs.pull, args: { reference } });
  }
  menu.addItem({ command: CommandIDs.tag, args });
  menu.addItem({ command: CommandIDs.push, args });
  menu.addItem({ type: 'separator' });
  menu.addItem({ command: CommandIDs.removeImage, args });
  const { left, bottom } = button.getBoundingClientRect();
  menu.open(left, bottom);
  return menu;
}
