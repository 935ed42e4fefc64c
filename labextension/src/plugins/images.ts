// Plugins of images: the state of jobs and registries, the commands, and word of what has ended.
/* eslint jupyter/prefer-lazy-imports: off -- all of it is needed as soon as JupyterLab starts */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { addBuildCommand } from '../commands/buildCommand';
import { GpuContainersClient } from '../client/client';
import { CommandIDs } from '../commands/commandIds';
import { addImageCommands } from '../commands/imageCommands';
import { JobsModel } from '../model/jobsModel';
import { notifyOfJobs } from '../notices/notifications';
import { RegistriesModel } from '../model/registriesModel';
import { addSaveCommand } from '../commands/saveCommand';
import {
  DOMAIN,
  IGpuContainersModel,
  IJobsModel,
  IRegistriesModel
} from '../tokens';
import { addTransferCommands } from '../commands/transferCommands';

/** Provides the state of pulls and pushes. */
export const jobs: JupyterFrontEndPlugin<IJobsModel> = {
  id: 'jupyter-gpu-containers:jobs',
  description: 'Provides the pulls and pushes of this server.',
  autoStart: true,
  provides: IJobsModel,
  requires: [IGpuContainersModel],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    translator: ITranslator | null
  ): IJobsModel => {
    const { events, serverSettings } = app.serviceManager;
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const client = new GpuContainersClient(serverSettings, trans);
    const jobs = new JobsModel({ client, events, trans });
    // also told by the server, where events arrive
    jobs.ended.connect(() => model.outdated('images'), model);
    return jobs;
  }
};

/** Provides what can be had from registries. */
export const registries: JupyterFrontEndPlugin<IRegistriesModel> = {
  id: 'jupyter-gpu-containers:registries',
  description: 'Provides logins, catalogue, search and tags of registries.',
  autoStart: true,
  provides: IRegistriesModel,
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    translator: ITranslator | null
  ): IRegistriesModel => {
    const { events, serverSettings } = app.serviceManager;
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const client = new GpuContainersClient(serverSettings, trans);
    return new RegistriesModel({ client, events });
  }
};

/** Adds the commands of images, and tells of pulls and pushes that have ended. */
export const images: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:images',
  description: 'Adds the commands that find, pull, push and remove images.',
  autoStart: true,
  requires: [IGpuContainersModel, IJobsModel, IRegistriesModel],
  optional: [ITranslator, ICommandPalette, INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    jobs: IJobsModel,
    registries: IRegistriesModel,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    tracker: INotebookTracker | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { commands } = app;
    const currentKernel = () =>
      tracker?.currentWidget?.sessionContext.session?.kernel?.id;
    const options = { commands, model, jobs, registries, trans, currentKernel };
    addImageCommands(options);
    addTransferCommands(options);
    addBuildCommand(options);
    addSaveCommand(options);
    notifyOfJobs(options);
    const category = trans.__('GPU Containers');
    const args = { isPalette: true };
    for (const command of [
      CommandIDs.addImage,
      CommandIDs.build,
      CommandIDs.saveImage,
      CommandIDs.login
    ]) {
      palette?.addItem({ command, category, args });
    }
  }
};
