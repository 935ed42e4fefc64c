// The commands of what notebooks remember: start it here, or do not offer it for now.
import { Notification } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { DisposableSet, IDisposable } from '@lumino/disposable';
import { imageTitle } from '../model/format';
import {
  IRemembered,
  isSameEnvironment,
  locate,
  nameHere,
  readRemembered
} from '../model/remembered';
import { needsWarning } from '../model/verdicts';
import { IGpusHere, gpusHere } from '../notices/rememberedOffer';
import { IGpuContainersModel, IKernelSwitcher } from '../tokens';
import { IImage, INewLaunch } from '../client/wire';
import { CommandIDs } from './commandIds';
import { PALETTE, PATH, text } from './commandTools';

/** What a notebook remembers, and its panel. */
export interface IRememberingNotebook {
  panel: NotebookPanel;
  remembered: IRemembered | null;
  /** Of the MIG instances in which it ran; null: none, or nobody knows. */
  profile: string | null;
  decline: () => void;
}

/** What the commands work on. */
export interface IRememberedCommandOptions {
  commands: CommandRegistry;
  model: IGpuContainersModel;
  switcher: IKernelSwitcher;
  trans: TranslationBundle;
  /** The notebook of a path, or the current one. */
  find: (path?: string) => IRememberingNotebook | null;
}

/** Add them. */
export function addRememberedCommands(
  options: IRememberedCommandOptions
): IDisposable {
  const { commands, model, switcher, trans, find } = options;
  const found = (args: ReadonlyPartialJSONObject) => find(text(args.path));
  const isVisible = () => model.available === true;
  const added = new DisposableSet();

  /** Start an image that is on this machine; one that does not run here after a warning. */
  const startHere = async (
    { panel }: IRememberingNotebook,
    remembered: IRemembered,
    image: IImage,
    here: IGpusHere
  ) => {
    if (needsWarning(image.verdict, here.gpus) && image.verdict) {
      const { warnOfVerdict } = await import('../dialogs/imageDialogs');
      const action = trans.__('Start Anyway');
      const title = imageTitle(image);
      if (!(await warnOfVerdict(trans, title, image.verdict, action))) {
        return false;
      }
    }
    const { kernels } = image;
    const { kernel } = remembered;
    const hasKernel = !kernels || kernels.some(({ name }) => name === kernel);
    const request: INewLaunch = {
      image: nameHere(remembered, image),
      ...here,
      ...(hasKernel ? { kernel } : {})
    };
    return switcher.start(panel.sessionContext, request);
  };

  added.add(
    commands.addCommand(CommandIDs.useRemembered, {
      label: trans.__('Use the Notebook’s Last Environment…'),
      caption: trans.__('Start the image that the notebook last ran in'),
      isEnabled: args =>
        isVisible() && (found(args)?.remembered ?? null) !== null,
      isVisible,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            ...PALETTE,
            path: PATH,
            which: {
              type: 'string',
              enum: ['named', 'exact'],
              description: trans.__(
                'Where the name stands for another image on this machine: that one, or the very same'
              )
            },
            image: {
              type: 'string',
              description: trans.__('What was shown to the user, if anything')
            },
            digest: { type: 'string' },
            kernel: { type: 'string' },
            gpus: { type: 'integer', minimum: 0 }
          }
        }
      },
      execute: async args => {
        const notebook = found(args);
        const remembered = notebook?.remembered ?? null;
        if (!notebook || !remembered) {
          return false;
        }
        const shown = readRemembered(args);
        if (shown && !isSameEnvironment(shown, remembered)) {
          Notification.warning(
            trans.__(
              'What the notebook remembers was changed meanwhile. Look at it once more.'
            )
          );
          return false;
        }
        if (!model.images) {
          await model.refresh();
        }
        const where = locate(remembered, model.images ?? [], []);
        const isMoved = where.kind === 'moved';
        const here = gpusHere(remembered, model.gpus, notebook.profile);
        if (!here) {
          // a whole GPU instead of a part of one is its user's to choose
          const { path } = notebook.panel.context;
          const image =
            where.kind === 'away' ? remembered.image : where.image.id;
          await commands.execute(CommandIDs.selectEnvironment, { path, image });
          return false;
        }
        if (where.kind === 'here' || (isMoved && args.which === 'named')) {
          return startHere(notebook, remembered, where.image, here);
        }
        const { askToFetch } = await import('../dialogs/rememberedDialog');
        const image = await askToFetch(model, trans, remembered, isMoved);
        if (image === null) {
          return false;
        }
        const { kernel } = remembered;
        const request: INewLaunch = { image, kernel, ...here, pull: true };
        return switcher.start(notebook.panel.sessionContext, request);
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.declineRemembered, {
      label: trans.__('Do Not Use the Notebook’s Last Environment Now'),
      isEnabled: args => found(args) !== null,
      isVisible,
      describedBy: { args: { type: 'object', properties: { path: PATH } } },
      execute: args => found(args)?.decline()
    })
  );
  return added;
}
