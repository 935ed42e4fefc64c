// Plugins: the state, and the way to move a notebook.
/* eslint jupyter/prefer-lazy-imports: off -- all of it is needed as soon as JupyterLab starts */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { GpuContainersClient } from '../client/client';
import { GpuContainersModel } from '../model/model';
import { KernelSwitcher } from '../model/switcher';
import { DOMAIN, IGpuContainersModel, IKernelSwitcher } from '../tokens';

/**
 * Milliseconds for which notebooks wait to be opened until the launches in progress are known, so
 * that a page reloaded in the middle of a launch starts no second container.
 */
const PATIENCE = 2000;

/** Provides the state of GPUs, images and launches. */
export const model: JupyterFrontEndPlugin<IGpuContainersModel> = {
  id: 'jupyter-gpu-containers:model',
  description: 'Provides the GPUs, images and kernel launches of this server.',
  autoStart: true,
  provides: IGpuContainersModel,
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null
  ): IGpuContainersModel => {
    const { events, serverSettings } = app.serviceManager;
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const client = new GpuContainersClient(serverSettings, trans);
    return new GpuContainersModel({ client, events, trans });
  }
};

/**
 * Lets notebooks wait: JupyterLab opens those of the last time when every plugin is there. Others
 * do not wait meanwhile, so that its start takes no longer.
 */
export const patience: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:patience',
  description: 'Lets notebooks wait until the launches in progress are known.',
  autoStart: true,
  requires: [IGpuContainersModel],
  activate: async (
    app: JupyterFrontEnd,
    model: IGpuContainersModel
  ): Promise<void> => {
    await Promise.race([
      model.ready,
      new Promise(resolve => setTimeout(resolve, PATIENCE))
    ]);
  }
};

/** Provides the way to move a notebook to a launched kernel. */
export const switcher: JupyterFrontEndPlugin<IKernelSwitcher> = {
  id: 'jupyter-gpu-containers:switcher',
  description: 'Starts kernels in containers and attaches notebooks to them.',
  autoStart: true,
  provides: IKernelSwitcher,
  requires: [IGpuContainersModel],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel
  ): IKernelSwitcher => {
    const { contents, kernelspecs, sessions } = app.serviceManager;
    return new KernelSwitcher({
      model,
      kernelspecs,
      localPath: path => contents.localPath(path),
      refreshSessions: () => sessions.refreshRunning(),
      isTaken: id =>
        [...sessions.running()].some(({ kernel }) => kernel?.id === id)
    });
  }
};
