// What can be done with a row, as menus.
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyJSONObject } from '@lumino/coreutils';
import { Menu } from '@lumino/widgets';
import { CommandIDs } from '../commands/commandIds';
import { isInProgress } from '../model/launches';
import { needsWarning } from '../model/verdicts';
import { IImage, ILaunch } from '../client/wire';
import { ICatalogueEntry } from '../client/wireImages';

/** A command with its arguments; null is a line between two groups. */
type Item = { command: string; args: ReadonlyJSONObject } | null;

/** Where a menu opens: below an element, or at the pointer. */
export type Place = HTMLElement | { clientX: number; clientY: number };

/** What can be done with a kernel: less while it starts. */
export function kernelItems(
  launch: ILaunch,
  user: { path: string; type: string }
): Item[] {
  const args = { id: launch.id };
  const { path, type } = user;
  const ofNotebook = (command: string) =>
    path !== '' && type === 'notebook' ? [{ command, args: { path } }] : [];
  if (isInProgress(launch)) {
    return [
      ...ofNotebook(CommandIDs.showLaunch),
      { command: CommandIDs.showLog, args },
      ...(launch.queue ? [{ command: CommandIDs.startOnCpu, args }] : []),
      null,
      { command: CommandIDs.stop, args }
    ];
  }
  return [
    ...(path ? [{ command: CommandIDs.openNotebook, args: user }] : []),
    ...ofNotebook(CommandIDs.selectEnvironment),
    null,
    { command: CommandIDs.openTerminal, args },
    { command: CommandIDs.showLog, args },
    null,
    { command: CommandIDs.interrupt, args },
    { command: CommandIDs.restart, args },
    null,
    { command: CommandIDs.saveImage, args },
    null,
    { command: CommandIDs.stop, args }
  ];
}

/** What can be done with an image on this machine. */
export function imageItems(image: IImage): Item[] {
  const args = { image: image.id };
  const [reference] = image.references;
  return [
    { command: CommandIDs.selectEnvironment, args },
    { command: 'gpu-containers:new-notebook', args },
    { command: CommandIDs.showImage, args },
    null,
    ...(reference ? [{ command: CommandIDs.pull, args: { reference } }] : []),
    { command: CommandIDs.tag, args },
    { command: CommandIDs.push, args },
    { command: CommandIDs.build, args: { base: reference ?? image.id } },
    null,
    { command: CommandIDs.removeImage, args }
  ];
}

/** What can be done with an image that is recommended; one that is here is not fetched. */
export function entryItems(entry: ICatalogueEntry): Item[] {
  const { on_engine, reference, title } = entry;
  return [
    ...(on_engine || needsWarning(entry.verdict)
      ? []
      : [{ command: CommandIDs.pull, args: { reference, title, ask: true } }]),
    { command: CommandIDs.addImage, args: { reference } },
    { command: CommandIDs.showImage, args: { image: reference, title } }
  ];
}

/** Open a menu; the button that asked for it has the focus again once it is closed. */
export function openMenu(
  commands: CommandRegistry,
  items: readonly Item[],
  place: Place
): Menu {
  const menu = new Menu({ commands });
  menu.addClass('jp-GpuContainers-menu');
  for (const item of items) {
    if (item === null) {
      menu.addItem({ type: 'separator' });
    } else if (commands.hasCommand(item.command)) {
      menu.addItem(item);
    }
  }
  const focused = document.activeElement;
  menu.aboutToClose.connect(() => {
    if (focused instanceof HTMLElement) {
      focused.focus();
    }
  });
  if (place instanceof HTMLElement) {
    const { left, bottom } = place.getBoundingClientRect();
    menu.open(left, bottom);
  } else {
    menu.open(place.clientX, place.clientY);
  }
  return menu;
}
