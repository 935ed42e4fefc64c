// The command that makes an image. What its arguments leave open is asked for.
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { IDisposable } from '@lumino/disposable';
import { CommandIDs } from './commandIds';
import { IImageCommandOptions, PALETTE, attempt, text } from './commandTools';
import { INewBuild } from '../client/wireImages';

const SOURCES = [
  'folder',
  'dockerfile',
  'requirements',
  'environment'
] as const;
const TEXT = { type: 'string' } as const;

/** Add the command. */
export function addBuildCommand(options: IImageCommandOptions): IDisposable {
  const { commands, model, jobs, trans } = options;
  const isEnabled = () => model.available === true;
  return commands.addCommand(CommandIDs.build, {
    label: trans.__('Build Image…'),
    caption: trans.__(
      'Make an image from a Dockerfile, or add packages to one that exists'
    ),
    isEnabled,
    isVisible: isEnabled,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          ...PALETTE,
          reference: {
            ...TEXT,
            description: trans.__('Name of the image; asked for if missing')
          },
          folder: {
            ...TEXT,
            description: trans.__('Folder with a Dockerfile')
          },
          file: {
            ...TEXT,
            description: trans.__('Path of the Dockerfile in the folder')
          },
          dockerfile: {
            ...TEXT,
            description: trans.__('Text of a Dockerfile')
          },
          requirements: {
            ...TEXT,
            description: trans.__('Text of a requirements.txt')
          },
          environment: {
            ...TEXT,
            description: trans.__('Text of an environment.yml')
          },
          base: {
            ...TEXT,
            description: trans.__('Image that the latter two are added to')
          }
        }
      }
    },
    execute: async args => {
      let reference = text(args.reference);
      let build = given(args);
      if (!reference || !SOURCES.some(source => source in build)) {
        const { askForBuild } = await import('../dialogs/buildDialog');
        const wanted = await askForBuild({ model, trans, reference, build });
        if (!wanted) {
          return false;
        }
        ({ reference, build } = wanted);
      }
      const name = reference;
      const source = { build };
      void commands.execute(CommandIDs.openPanel);
      return attempt(trans, trans.__('%1 cannot be built', name), () =>
        jobs.start('build', name, source)
      );
    }
  });
}

/** What the arguments say of the build. */
function given(args: ReadonlyPartialJSONObject): INewBuild {
  const fields = [...SOURCES, 'file', 'base'] as const;
  return Object.fromEntries(
    fields
      .filter(name => typeof args[name] === 'string')
      .map(name => [name, args[name]])
  );
}
