// Plugin: notebooks remember the environment that they ran in, and offer it where they are opened.
/* eslint jupyter/prefer-lazy-imports: off -- needed before the first notebook has a kernel */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs } from '../commands/commandIds';
import { addRememberedCommands } from '../commands/rememberedCommands';
import { RememberedNotice } from '../notices/rememberedNotice';
import {
  DOMAIN,
  IGpuContainersModel,
  IKernelQuestions,
  IKernelSwitcher,
  IPreferences,
  IRegistriesModel
} from '../tokens';
import { ICatalogueEntry } from '../client/wireImages';

/** Has notebooks remember. */
export const remembered: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:remembered',
  description: 'Notebooks remember the environment that they ran in.',
  autoStart: true,
  requires: [
    IGpuContainersModel,
    IKernelSwitcher,
    IKernelQuestions,
    INotebookTracker
  ],
  optional: [IRegistriesModel, IPreferences, ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    switcher: IKernelSwitcher,
    questions: IKernelQuestions,
    tracker: INotebookTracker,
    registries: IRegistriesModel | null,
    preferences: IPreferences | null,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { commands } = app;
    const { contents, kernelspecs } = app.serviceManager;
    const notices = new Map<NotebookPanel, RememberedNotice>();
    let catalogue: Promise<readonly ICatalogueEntry[]> | null = null;

    const remember = (panel: NotebookPanel) => {
      const notice = new RememberedNotice(panel, {
        commands,
        kernelspecs,
        model,
        preferences,
        questions,
        switcher,
        trans,
        catalogue: () => {
          // without it, less is known of images that are not here
          catalogue ??=
            registries?.catalogue().catch(() => []) ?? Promise.resolve([]);
          return catalogue;
        }
      });
      notices.set(panel, notice);
      panel.disposed.connect(() => notices.delete(panel));
    };
    tracker.forEach(remember);
    tracker.widgetAdded.connect((_, panel) => remember(panel), remembered);

    addRememberedCommands({
      commands,
      model,
      switcher,
      trans,
      find: path => {
        const panel =
          path === undefined
            ? tracker.currentWidget
            : tracker.find(
                ({ context }) =>
                  contents.localPath(context.path) === contents.localPath(path)
              );
        const notice = panel && notices.get(panel);
        return notice
          ? {
              panel,
              remembered: notice.remembered,
              profile: notice.profile,
              decline: () => notice.decline()
            }
          : null;
      }
    });
    palette?.addItem({
      command: CommandIDs.useRemembered,
      category: trans.__('GPU Containers'),
      args: { isPalette: true }
    });
  }
};
