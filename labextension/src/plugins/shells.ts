// Plugin: terminals in kernels' containers, and their logs.
/* eslint jupyter/prefer-lazy-imports: off -- commands and the viewer that is restored */
import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import {
  ICommandPalette,
  MainAreaWidget,
  WidgetTracker
} from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { GpuContainersClient, ILogOptions } from '../client/client';
import { CommandIDs } from '../commands/commandIds';
import { addShellCommands } from '../commands/shellCommands';
import { userOf } from '../model/launches';
import { DOMAIN, IGpuContainersModel } from '../tokens';
import { keepEndedTerminals } from '../widgets/containerTerminals';
import type { LogViewer } from '../widgets/logViewer';

/** Leads into containers. */
export const shells: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:shells',
  description: 'Opens terminals in kernels’ containers, and shows their logs.',
  autoStart: true,
  requires: [IGpuContainersModel],
  optional: [ITranslator, INotebookTracker, ICommandPalette, ILayoutRestorer],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    translator: ITranslator | null,
    tracker: INotebookTracker | null,
    palette: ICommandPalette | null,
    restorer: ILayoutRestorer | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { commands, shell } = app;
    const { serverSettings, sessions } = app.serviceManager;
    const client = new GpuContainersClient(serverSettings, trans);
    const viewers = new WidgetTracker<MainAreaWidget<LogViewer>>({
      namespace: 'jupyter-gpu-containers-log'
    });

    const makeViewer = async (id: string) => {
      const { LogModel } = await import('../model/logModel');
      const { LogViewer } = await import('../widgets/logViewer');
      const launch = () => model.launches.find(known => known.id === id);
      const known = launch();
      const name =
        (known && userOf(known, [...sessions.running()]).name) ||
        trans.__('Kernel without a notebook');
      const { launchChanged } = model;
      const read = (options: ILogOptions) => client.log(id, options);
      const log = new LogModel({ id, read, launch, launchChanged });
      const content = new LogViewer(id, { model: log, name, trans });
      const viewer = new MainAreaWidget({ content });
      viewer.id = `jupyter-gpu-containers-log-${id}`;
      return viewer;
    };

    const showLog = async (id: string) => {
      const shown = viewers.find(({ content }) => content.launch === id);
      if (shown) {
        shell.activateById(shown.id);
        return;
      }
      const viewer = await makeViewer(id);
      shell.add(viewer, 'main', { mode: 'split-bottom' });
      await viewers.add(viewer);
      shell.activateById(viewer.id);
    };

    addShellCommands({
      commands,
      model,
      trans,
      currentKernel: () =>
        tracker?.currentWidget?.sessionContext.session?.kernel?.id,
      openTerminal: id => client.openTerminal(id),
      showLog
    });
    keepEndedTerminals(commands);
    void restorer?.restore(viewers, {
      command: CommandIDs.showLog,
      args: ({ content }) => ({ id: content.launch }),
      name: ({ content }) => content.launch,
      when: model.ready
    });
    for (const command of [CommandIDs.openTerminal, CommandIDs.showLog]) {
      palette?.addItem({
        command,
        category: trans.__('GPU Containers'),
        args: { isPalette: true }
      });
    }
  }
};
