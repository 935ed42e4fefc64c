// Plugin: notebooks in containers, from the launcher, the menu and the palette.
/* eslint jupyter/prefer-lazy-imports: off -- the command is in the menu from the start */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import { ILauncher } from '@jupyterlab/launcher';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CHANGED_SCHEMA } from '../client/events';
import { CommandIDs } from '../commands/commandIds';
import { addLauncherCard } from '../commands/launcherCard';
import { addNotebookCommands } from '../commands/notebookCommands';
import { DOMAIN, IGpuContainersModel } from '../tokens';

/** Makes notebooks in containers. */
export const notebooks: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:notebooks',
  description: 'Makes notebooks that run in a container; keeps launcher fresh.',
  autoStart: true,
  requires: [IGpuContainersModel],
  optional: [ITranslator, INotebookTracker, ICommandPalette, ILauncher],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    translator: ITranslator | null,
    tracker: INotebookTracker | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { commands } = app;
    const { contents, events, kernelspecs } = app.serviceManager;
    addNotebookCommands({
      commands,
      contents,
      model,
      trans,
      currentFolder: () =>
        PathExt.dirname(tracker?.currentWidget?.context.path ?? ''),
      findNotebook: path =>
        tracker?.find(
          ({ context }) =>
            contents.localPath(context.path) === contents.localPath(path)
        ) ?? null
    });
    palette?.addItem({
      command: CommandIDs.newNotebook,
      category: trans.__('GPU Containers'),
      args: { isPalette: true }
    });
    if (launcher) {
      const stock = (translator ?? nullTranslator).load('jupyterlab');
      addLauncherCard(launcher, model, stock.__('Notebook'));
    }
    // JupyterLab looks once a minute; its launcher has a card for each kernelspec
    events.stream.connect((_, { schema_id, resource }) => {
      if (schema_id === CHANGED_SCHEMA && resource === 'environments') {
        void kernelspecs.refreshSpecs();
      }
    }, notebooks);
  }
};
