// The commands: every button, menu and test acts through them.
import { Notification } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { DisposableSet, IDisposable } from '@lumino/disposable';
import { CommandIDs } from './commandIds';
import { PALETTE, PATH, findImage, text } from './commandTools';
import { imageTitle } from '../model/format';
import { chipIcon } from '../icons';
import { IGpuContainersModel, IKernelSwitcher } from '../tokens';
import { needsWarning } from '../model/verdicts';
import { INewLaunch } from '../client/wire';

/** What the commands work on. */
export interface ICommandOptions {
  commands: CommandRegistry;
  model: IGpuContainersModel;
  switcher: IKernelSwitcher;
  trans: TranslationBundle;
  /** The notebook of a path, or the current one. */
  findNotebook: (path?: string) => NotebookPanel | null;
  openPanel: () => void;
}

/** Add all commands. */
export function addCommands(options: ICommandOptions): IDisposable {
  const { commands, model, switcher, trans, findNotebook } = options;
  const enabled = () => model.available === true;
  const onNotebook = (args: ReadonlyPartialJSONObject) =>
    enabled() && findNotebook(text(args.path)) !== null;
  const added = new DisposableSet();

  /** Warn of an image that does not run here, and let the user decide. */
  const mayStart = async ({ image: wanted, gpus }: INewLaunch) => {
    const image = findImage(model, { image: wanted });
    if (!image?.verdict || !needsWarning(image.verdict, gpus)) {
      return true;
    }
    const { warnOfVerdict } = await import('../dialogs/imageDialogs');
    const action = trans.__('Start Anyway');
    return warnOfVerdict(trans, imageTitle(image), image.verdict, action);
  };

  added.add(
    commands.addCommand(CommandIDs.openPanel, {
      label: trans.__('GPUs and Containers'),
      caption: trans.__('Show GPUs, images, and kernels in containers'),
      icon: args => (args.isPalette ? undefined : chipIcon),
      isVisible: enabled,
      describedBy: { args: { type: 'object', properties: PALETTE } },
      execute: () => options.openPanel()
    })
  );
  added.add(
    commands.addCommand(CommandIDs.refresh, {
      label: trans.__('Refresh GPUs and Containers'),
      isVisible: enabled,
      describedBy: { args: { type: 'object', properties: PALETTE } },
      execute: () => model.refresh()
    })
  );
  added.add(
    commands.addCommand(CommandIDs.selectEnvironment, {
      label: args =>
        args.image
          ? trans.__('Start for the Notebook…')
          : trans.__('Select Environment…'),
      caption: trans.__('Choose image, kernel and GPUs for the notebook'),
      icon: args => (args.isPalette ? undefined : chipIcon),
      isEnabled: onNotebook,
      isVisible: enabled,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            ...PALETTE,
            path: PATH,
            image: {
              type: 'string',
              description: trans.__(
                'Reference or id of the image to begin with'
              )
            }
          }
        }
      },
      execute: async args => {
        const panel = findNotebook(text(args.path));
        if (!panel) {
          Notification.info(
            trans.__('Open the notebook that is to run in a container first.'),
            { autoClose: 5000 }
          );
          return;
        }
        const { ADD_IMAGE, OTHER_KERNEL, askForLaunch } =
          await import('../dialogs/dialogs');
        const request = await askForLaunch(
          options,
          panel.sessionContext,
          text(args.image)
        );
        if (request === OTHER_KERNEL) {
          await commands.execute('notebook:change-kernel');
        } else if (request === ADD_IMAGE) {
          await commands.execute(CommandIDs.addImage);
        } else if (request && (await mayStart(request))) {
          const path = panel.context.path;
          void commands.execute(CommandIDs.launch, { ...request, path });
        }
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.launch, {
      label: trans.__('Start Environment'),
      isEnabled: onNotebook,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            path: PATH,
            environment: { type: 'string' },
            image: { type: 'string' },
            kernel: { type: 'string' },
            gpus: { type: 'integer', minimum: 0 },
            gpu_profile: { type: 'string' },
            gpu_uuids: { type: 'array', items: { type: 'string' } }
          }
        }
      },
      execute: async args => {
        const panel = findNotebook(text(args.path));
        if (!panel) {
          return false;
        }
        const { environment, image, kernel } = args as INewLaunch;
        const { gpus, gpu_profile, gpu_uuids } = args as INewLaunch;
        const what = environment
          ? { environment }
          : { image, kernel, gpus, gpu_profile, gpu_uuids };
        return switcher.start(panel.sessionContext, what);
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.showLaunch, {
      label: trans.__('Show Start'),
      isEnabled: onNotebook,
      describedBy: { args: { type: 'object', properties: { path: PATH } } },
      execute: async args => {
        const context = findNotebook(text(args.path))?.sessionContext;
        if (context && switcher.pending(context)) {
          const { showProgress } = await import('../dialogs/dialogs');
          await showProgress(options, context);
        }
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.stop, {
      label: trans.__('Shut Down Kernel in Container'),
      isEnabled: enabled,
      describedBy: {
        args: {
          type: 'object',
          required: ['id'],
          properties: {
            id: { type: 'string', description: trans.__('Id of the launch') }
          }
        }
      },
      execute: args => model.cancel(text(args.id) ?? '')
    })
  );
  added.add(
    commands.addCommand(CommandIDs.openNotebook, {
      label: trans.__('Open Notebook or Console of Kernel'),
      describedBy: {
        args: {
          type: 'object',
          required: ['path'],
          properties: {
            path: PATH,
            type: {
              type: 'string',
              description: trans.__('Of its session: notebook or console')
            }
          }
        }
      },
      execute: args => {
        const path = text(args.path) ?? '';
        const isConsole = args.type === 'console';
        return commands.execute(
          isConsole ? 'console:open' : 'docmanager:open',
          { path }
        );
      }
    })
  );
  return added;
}
