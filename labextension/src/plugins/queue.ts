// Plugin: says who waits for a GPU, and lets it go on without one.
/* eslint jupyter/prefer-lazy-imports: off -- needed as soon as the launches are known */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { addQueueCommands } from '../commands/queueCommands';
import { QueueNotices } from '../notices/queueNotices';
import { DOMAIN, IGpuContainersModel } from '../tokens';

/** Tells of launches in the queue. */
export const queue: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:queue',
  description: 'Tells of launches that wait for a GPU.',
  autoStart: true,
  requires: [IGpuContainersModel],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    addQueueCommands(app.commands, model, trans);
    new QueueNotices({ commands: app.commands, model, trans });
  }
};
