// Plugin: interrupts and restarts the kernels that run in containers.
/* eslint jupyter/prefer-lazy-imports: off -- the commands belong to the rows of the panel */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISessionContextDialogs } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { addKernelCommands } from '../commands/kernelCommands';
import { DOMAIN, IGpuContainersModel } from '../tokens';

/** Adds the commands of kernels. */
export const kernels: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:kernels',
  description: 'Interrupts and restarts kernels in containers.',
  autoStart: true,
  requires: [IGpuContainersModel],
  optional: [ITranslator, INotebookTracker, ISessionContextDialogs],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    translator: ITranslator | null,
    tracker: INotebookTracker | null,
    dialogs: ISessionContextDialogs | null
  ): void => {
    const { commands, serviceManager } = app;
    addKernelCommands({
      commands,
      model,
      settings: serviceManager.serverSettings,
      findContext: kernelId =>
        tracker?.find(
          ({ sessionContext }) =>
            sessionContext.session?.kernel?.id === kernelId
        )?.sessionContext ?? null,
      dialogs,
      trans: (translator ?? nullTranslator).load(DOMAIN)
    });
  }
};
