// The command that makes an image of a running kernel's container.
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { IDisposable } from '@lumino/disposable';
import { CommandIDs } from './commandIds';
import {
  IImageCommandOptions,
  PALETTE,
  attempt,
  runningLaunch,
  text
} from './commandTools';

/** Add the command. */
export function addSaveCommand(options: IImageCommandOptions): IDisposable {
  const { commands, model, jobs, trans } = options;
  const isVisible = () => model.available === true;
  /** Id of the launch or kernel that is meant. */
  const wanted = (args: ReadonlyPartialJSONObject): string | undefined =>
    text(args.id) ?? runningLaunch(model, options.currentKernel?.())?.id;

  return commands.addCommand(CommandIDs.saveImage, {
    label: args =>
      args.isPalette
        ? trans.__('Save Kernel’s Container as Image…')
        : trans.__('Save Container as New Image…'),
    caption: trans.__('Make an image with what was installed in the kernel'),
    isEnabled: args => isVisible() && wanted(args) !== undefined,
    isVisible,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          ...PALETTE,
          id: {
            type: 'string',
            description: trans.__(
              'Id of the launch or kernel; by default that of the current notebook'
            )
          },
          reference: {
            type: 'string',
            description: trans.__('Name of the image; asked for if missing')
          }
        }
      }
    },
    execute: async args => {
      const launch = wanted(args);
      if (launch === undefined) {
        return false;
      }
      let reference = text(args.reference);
      if (!reference) {
        const { askForSave } = await import('../dialogs/saveDialog');
        const title = trans.__('The kernel cannot be saved as an image');
        await attempt(trans, title, async () => {
          const changes = await model.changes(launch);
          reference = (await askForSave(trans, changes)) ?? undefined;
        });
      }
      if (!reference) {
        return false;
      }
      const name = reference;
      void commands.execute(CommandIDs.openPanel);
      return attempt(trans, trans.__('%1 cannot be made', name), () =>
        jobs.start('commit', name, { launch })
      );
    }
  });
}
