// Plugin: warns of kernels that will be stopped because nobody uses them, and keeps them alive.
/* eslint jupyter/prefer-lazy-imports: off -- needed as soon as the launches are known */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs } from '../commands/commandIds';
import { addIdleCommands } from '../commands/idleCommands';
import { IdleNotices } from '../notices/idleNotices';
import { DOMAIN, IGpuContainersModel } from '../tokens';

/** Tells of kernels that are idle. */
export const idle: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:idle',
  description: 'Warns of kernels that will be stopped for idleness.',
  autoStart: true,
  requires: [IGpuContainersModel],
  optional: [ITranslator, INotebookTracker, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    translator: ITranslator | null,
    tracker: INotebookTracker | null,
    palette: ICommandPalette | null
  ): void => {
    const speaker = translator ?? nullTranslator;
    const language = speaker.languageCode;
    const trans = speaker.load(DOMAIN);
    const { commands } = app;
    const { sessions } = app.serviceManager;
    addIdleCommands({
      commands,
      model,
      trans,
      currentKernel: () =>
        tracker?.currentWidget?.sessionContext.session?.kernel?.id
    });
    new IdleNotices({ commands, model, sessions, language, trans });
    palette?.addItem({
      command: CommandIDs.keepAlive,
      category: trans.__('GPU Containers'),
      args: { isPalette: true }
    });
  }
};
