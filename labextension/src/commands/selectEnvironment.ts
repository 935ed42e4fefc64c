// What the command that asks for an environment does, from the dialog to the launch.
import { NotebookPanel } from '@jupyterlab/notebook';
import { CommandRegistry } from '@lumino/commands';
import {
  PartialJSONObject,
  ReadonlyPartialJSONObject
} from '@lumino/coreutils';
import type {
  ILaunchDialogOptions,
  ILaunchDialogStart
} from '../dialogs/launchDialog';
import { IPreset, rememberedOf } from '../model/preset';
import { IPreferences } from '../tokens';
import { CommandIDs } from './commandIds';
import { text } from './commandTools';

/** What the dialog works on, and what carries out what it says. */
export interface ISelectOptions extends Omit<
  ILaunchDialogOptions,
  'confirmLosses'
> {
  commands: CommandRegistry;
  preferences?: IPreferences | null;
}

/** Value of the argument `filter`: leave out images that do not run here. */
export const RUNS_HERE = 'runs-here';

/** What sizes are told in. */
export const BYTES = 'In bytes';

/** What arguments choose beforehand. */
export function presetOfArgs(args: ReadonlyPartialJSONObject): IPreset {
  const size = (value: unknown) =>
    Number.isSafeInteger(value) && (value as number) >= 0
      ? (value as number)
      : undefined;
  const image = text(args.image);
  const gpus = size(args.gpus);
  const memory = size(args.memory);
  const shm_size = size(args.shmSize);
  return {
    ...(image === undefined ? {} : { image }),
    ...(gpus === undefined ? {} : { gpus }),
    ...(memory === undefined ? {} : { memory }),
    ...(shm_size === undefined ? {} : { shm_size })
  };
}

/** Ask for a notebook's environment, and do what was chosen. */
export async function selectEnvironment(
  options: ISelectOptions,
  panel: NotebookPanel,
  start: ILaunchDialogStart
): Promise<void> {
  const { commands, last, preferences } = options;
  const { askForLaunch, OTHER_KERNEL, ADD_IMAGE } =
    await import('../dialogs/launchDialog');
  const confirmLosses = preferences?.values.confirmLosses ?? true;
  const answer = await askForLaunch(
    { ...options, confirmLosses },
    panel.sessionContext,
    start
  );
  switch (answer.kind) {
    case OTHER_KERNEL:
      await commands.execute('notebook:change-kernel');
      break;
    case ADD_IMAGE:
      await commands.execute(CommandIDs.addImage);
      break;
    case 'save': {
      await commands.execute(CommandIDs.saveImage, { id: answer.launchId });
      const preset = answer.chosen ? rememberedOf(answer.chosen) : {};
      return selectEnvironment(options, panel, {
        ...start,
        preset: { ...start.preset, ...preset }
      });
    }
    case 'launch': {
      const { request } = answer;
      const path = panel.context.path;
      void last?.set(rememberedOf(request));
      const args = { ...request, path } as PartialJSONObject;
      void commands.execute(CommandIDs.launch, args);
      break;
    }
    case 'nothing':
      break;
  }
}
