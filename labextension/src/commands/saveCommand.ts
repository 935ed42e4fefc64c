// The command that makes an image of a running kernel's container.
import { IDisposable } from '@lumino/disposable';
import { CommandIDs } from './commandIds';
import { IImageCommandOptions, attempt, text } from './commandTools';

/** Add the command. */
export function addSaveCommand(options: IImageCommandOptions): IDisposable {
  const { commands, model, jobs, trans } = options;
  const isEnabled = () => model.available === true;
  return commands.addCommand(CommandIDs.saveImage, {
    label: trans.__('Save as Image…'),
    caption: trans.__('Make an image with what was installed in the kernel'),
    isEnabled,
    describedBy: {
      args: {
        type: 'object',
        required: ['id'],
        properties: {
          id: {
            type: 'string',
            description: trans.__('Id of the launch or kernel')
          },
          reference: {
            type: 'string',
            description: trans.__('Name of the image; asked for if missing')
          }
        }
      }
    },
    execute: async args => {
      const launch = text(args.id) ?? '';
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
