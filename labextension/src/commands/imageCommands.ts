// The commands of images. What their arguments leave open is asked for.
import { DisposableSet, IDisposable } from '@lumino/disposable';
import { CommandIDs } from './commandIds';
import {
  IImageCommandOptions,
  IMAGE,
  PALETTE,
  attempt,
  findImage,
  referenceArgs,
  text
} from './commandTools';
import { imageKey, imageTitle } from '../model/format';
import { RequestError, toProblem } from '../client/requests';
import { needsWarning } from '../model/verdicts';

/** Add the commands that find, show, name and remove images. */
export function addImageCommands(options: IImageCommandOptions): IDisposable {
  const { commands, model, trans } = options;
  const isEnabled = () => model.available === true;
  const added = new DisposableSet();

  added.add(
    commands.addCommand(CommandIDs.addImage, {
      label: trans.__('Add Image…'),
      caption: trans.__(
        'Find an image in the catalogue, on Docker Hub or by its name'
      ),
      isEnabled,
      isVisible: isEnabled,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            ...PALETTE,
            reference: {
              type: 'string',
              description: trans.__('Image to begin with')
            }
          }
        }
      },
      execute: async args => {
        const { askForImage, warnOfVerdict } =
          await import('../dialogs/imageDialogs');
        const chosen = await askForImage(options, text(args.reference));
        if (!chosen) {
          return;
        }
        const { reference, details } = chosen;
        if (details && needsWarning(details.verdict)) {
          const action = trans.__('Pull Anyway');
          const { verdict } = details;
          if (!(await warnOfVerdict(trans, reference, verdict, action))) {
            return;
          }
        }
        void commands.execute(CommandIDs.openPanel);
        await commands.execute(CommandIDs.pull, { reference });
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.showImage, {
      label: trans.__('Details…'),
      caption: trans.__(
        'Whether the image runs here and why, and what is in it'
      ),
      isEnabled,
      describedBy: {
        args: {
          type: 'object',
          required: ['image'],
          properties: {
            image: IMAGE,
            title: {
              type: 'string',
              description: trans.__(
                'What the image is called where it is shown'
              )
            }
          }
        }
      },
      execute: args => {
        const image = findImage(model, args);
        const name = image ? imageKey(image) : (text(args.image) ?? '');
        return attempt(trans, trans.__('%1 is not known', name), async () => {
          const details = await model.details(image?.id ?? name);
          const { showImage } = await import('../dialogs/imageDialogs');
          await showImage(trans, details, text(args.title));
        });
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.tag, {
      label: trans.__('Tag…'),
      caption: trans.__('Give the image one more name'),
      isEnabled,
      describedBy: {
        args: {
          ...referenceArgs(trans.__('The new name; asked for if missing')),
          required: ['image']
        }
      },
      execute: async args => {
        const image = findImage(model, args);
        if (!image) {
          return false;
        }
        let reference = text(args.reference) ?? null;
        if (!reference) {
          const { askForName } = await import('../dialogs/imageDialogs');
          const title = trans.__('One more name for %1', imageTitle(image));
          reference = await askForName(trans, title, image, trans.__('Tag'));
        }
        const name = reference;
        return (
          name !== null &&
          attempt(
            trans,
            trans.__('%1 cannot be tagged', imageTitle(image)),
            () => model.tag(image.id, name)
          )
        );
      }
    })
  );
  const named = referenceArgs(
    trans.__('The name to remove; asked for if missing')
  );
  added.add(
    commands.addCommand(CommandIDs.removeImage, {
      label: trans.__('Remove…'),
      caption: trans.__('Remove the image from this machine'),
      isEnabled,
      describedBy: {
        args: {
          type: 'object',
          required: ['image'],
          properties: {
            ...named.properties,
            force: {
              type: 'boolean',
              description: trans.__(
                'Also when environments or containers use it; asked for if missing'
              )
            }
          }
        }
      },
      execute: async args => {
        const image = findImage(model, args);
        if (!image) {
          return false;
        }
        const { askForRemoval } = await import('../dialogs/imageDialogs');
        const given = text(args.reference);
        const names = given ? [given] : await askForRemoval(trans, image);
        const title = trans.__('%1 cannot be removed', imageTitle(image));
        const remove = async (name: string) => {
          try {
            await model.remove(name, args.force === true);
          } catch (reason) {
            const isUsed =
              reason instanceof RequestError && reason.code === 'image_in_use';
            if (!isUsed || args.force !== undefined) {
              throw reason;
            }
            const { showProblem } = await import('../dialogs/problemDialog');
            const remedy = trans.__('Remove Anyway');
            const options = { remedy, isDangerous: true };
            const problem = toProblem(reason);
            if (await showProblem(trans, title, problem, options)) {
              await model.remove(name, true);
            }
          }
        };
        return attempt(trans, title, async () => {
          for (const name of names) {
            await remove(name);
          }
        });
      }
    })
  );
  return added;
}
