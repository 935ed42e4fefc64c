// The command that makes a notebook in a container.
import { NotebookPanel } from '@jupyterlab/notebook';
import { Contents } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { IDisposable } from '@lumino/disposable';
import { INewLaunch } from '../client/wire';
import { chipIcon } from '../icons';
import { IGpuContainersModel } from '../tokens';
import { CommandIDs } from './commandIds';
import { PALETTE, attempt, text } from './commandTools';

/** What the command works on. */
export interface INotebookCommandOptions {
  commands: CommandRegistry;
  contents: Contents.IManager;
  model: IGpuContainersModel;
  trans: TranslationBundle;
  /** Folder of the current notebook; the root without one. */
  currentFolder: () => string;
  /** A notebook that is open in this page. */
  findNotebook: (path: string) => NotebookPanel | null;
}

/** Add it. */
export function addNotebookCommands(
  options: INotebookCommandOptions
): IDisposable {
  const { commands, contents, model, trans, findNotebook } = options;
  const isVisible = () => model.available === true;

  /** Open it; what its kernel is to be is decided by us, not asked by JupyterLab. */
  const open = async (path: string) => {
    await commands.execute('docmanager:open', { path, factory: 'Notebook' });
    return findNotebook(path);
  };

  return commands.addCommand(CommandIDs.newNotebook, {
    label: trans.__('Notebook in Container…'),
    caption: trans.__('Make a notebook, and start a container for it'),
    icon: args => (args.isPalette ? undefined : chipIcon),
    isEnabled: isVisible,
    isVisible,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          ...PALETTE,
          environment: {
            type: 'string',
            description: trans.__('Name of the environment')
          },
          image: {
            type: 'string',
            description: trans.__(
              'Reference or id of an image, in place of an environment; without either it is asked for'
            )
          },
          gpus: { type: 'integer', minimum: 0 },
          cwd: {
            type: 'string',
            description: trans.__(
              'Folder; by default that of the current notebook'
            )
          },
          isLauncher: {
            type: 'boolean',
            description: trans.__(
              'Whether the notebook takes the place of the launcher'
            )
          }
        }
      }
    },
    execute: async args => {
      const environment = text(args.environment);
      const image = text(args.image);
      const gpus = typeof args.gpus === 'number' ? args.gpus : undefined;
      const title = trans.__('The notebook could not be made');
      let path = '';
      const isMade = await attempt(trans, title, async () => {
        const folder = text(args.cwd) ?? options.currentFolder();
        const what = { path: folder, type: 'notebook' } as const;
        ({ path } = await contents.newUntitled(what));
      });
      if (!isMade) {
        return null;
      }
      if (environment !== undefined || image !== undefined) {
        // begun first: the page that opens the notebook, this one or another, takes it up
        const place = { path: contents.localPath(path) };
        const request: INewLaunch = environment
          ? { ...place, environment }
          : { ...place, image, gpus };
        const failed = trans.__('The environment could not be started');
        if (!(await attempt(trans, failed, () => model.launch(request)))) {
          await contents.delete(path);
          return null;
        }
        await open(path);
        return path;
      }
      const panel = await open(path);
      if (panel) {
        const { sessionContext } = panel;
        const { shouldStart } = sessionContext.kernelPreference;
        sessionContext.kernelPreference = {
          ...sessionContext.kernelPreference,
          shouldStart: false
        };
        await sessionContext.ready;
        await commands.execute(CommandIDs.selectEnvironment, { path });
        sessionContext.kernelPreference = {
          ...sessionContext.kernelPreference,
          shouldStart
        };
      }
      // JupyterLab's launcher gives way to the widget that it gets
      return args.isLauncher ? panel : path;
    }
  });
}
