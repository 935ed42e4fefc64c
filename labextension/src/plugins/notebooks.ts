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
import { IKernelSwitcher } from '../tokens';

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

/** Replaces the session dialogs of JupyterLab. */
export const sessionDialogs: JupyterFrontEndPlugin<ISessionContextDialogs> = {
  id: 'jupyter-gpu-containers:session-dialogs',
  description: 'Launches environments that are chosen in JupyterLab’s dialog.',
  autoStart: true,
  provides: ISessionContextDialogs,
  optional: [IKernelSwitcher, ITranslator, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    switcher: IKernelSwitcher | null,
    translator: ITranslator | null,
    settingRegistry: ISettingRegistry | null
  ): ISessionContextDialogs =>
    new GpuSessionContextDialogs(switcher, {
      translator: translator ?? nullTranslator,
      settingRegistry
    })
};
