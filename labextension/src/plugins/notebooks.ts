// Plugins that stand between notebooks and their kernels: none of them may depend on the tracker
// of notebooks, which itself depends on the first two.
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISessionContextDialogs } from '@jupyterlab/apputils';
import { INotebookCellExecutor, runCell } from '@jupyterlab/notebook';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { HoldingCellExecutor } from '../model/executor';
import { GpuSessionContextDialogs } from '../dialogs/sessionDialogs';
import { KernelQuestions } from '../model/kernelQuestions';
import { IKernelQuestions, IKernelSwitcher } from '../tokens';

// Both replace a plugin of JupyterLab without disabling it: of two plugins that provide a token,
// the one registered later is used, and extensions come after the core. So where ours is disabled
// or cannot be loaded, JupyterLab's own is used, instead of none.

/** Replaces the cell executor of JupyterLab. */
export const cellExecutor: JupyterFrontEndPlugin<INotebookCellExecutor> = {
  id: 'jupyter-gpu-containers:cell-executor',
  description:
    'Holds cells back while their notebook is moved to a new kernel.',
  autoStart: true,
  provides: INotebookCellExecutor,
  optional: [IKernelSwitcher],
  activate: (
    app: JupyterFrontEnd,
    switcher: IKernelSwitcher | null
  ): INotebookCellExecutor => new HoldingCellExecutor(switcher, runCell)
};

/** Provides the questions that take the place of JupyterLab's. */
export const kernelQuestions: JupyterFrontEndPlugin<IKernelQuestions> = {
  id: 'jupyter-gpu-containers:kernel-questions',
  description: 'Provides questions in the place of JupyterLab’s kernel dialog.',
  autoStart: true,
  provides: IKernelQuestions,
  activate: (app: JupyterFrontEnd): IKernelQuestions => new KernelQuestions()
};

/** Replaces the session dialogs of JupyterLab. */
export const sessionDialogs: JupyterFrontEndPlugin<ISessionContextDialogs> = {
  id: 'jupyter-gpu-containers:session-dialogs',
  description: 'Launches environments that are chosen in JupyterLab’s dialog.',
  autoStart: true,
  provides: ISessionContextDialogs,
  optional: [IKernelSwitcher, IKernelQuestions, ITranslator, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    switcher: IKernelSwitcher | null,
    questions: IKernelQuestions | null,
    translator: ITranslator | null,
    settingRegistry: ISettingRegistry | null
  ): ISessionContextDialogs =>
    new GpuSessionContextDialogs(switcher, questions, {
      translator: translator ?? nullTranslator,
      settingRegistry
    })
};
