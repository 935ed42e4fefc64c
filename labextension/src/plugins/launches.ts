// Plugin: tells how starts get on and why they failed, and lets people decide meanwhile.
/* eslint jupyter/prefer-lazy-imports: off -- needed as soon as the launches are known */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { addLaunchCommands } from '../commands/launchCommands';
import { LaunchMemory } from '../model/launchMemory';
import { LaunchNotices } from '../notices/launchNotices';
import {
  DOMAIN,
  IGpuContainersModel,
  IKernelSwitcher,
  IPreferences
} from '../tokens';
import { ILaunch } from '../client/wire';

/** Tells of starts. */
export const launches: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:launches',
  description: 'Tells how starts get on, and why they failed.',
  autoStart: true,
  requires: [IGpuContainersModel, IKernelSwitcher],
  optional: [ITranslator, INotebookTracker, IPreferences],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    switcher: IKernelSwitcher,
    translator: ITranslator | null,
    tracker: INotebookTracker | null,
    preferences: IPreferences | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { commands } = app;
    const { contents } = app.serviceManager;
    const memory = new LaunchMemory(model);
    const localPath = (path: string) => contents.localPath(path);
    const findContext = (path?: string) =>
      (path === undefined
        ? tracker?.currentWidget
        : tracker?.find(
            ({ context }) => localPath(context.path) === localPath(path)
          )
      )?.sessionContext ?? null;
    addLaunchCommands({
      commands,
      model,
      switcher,
      memory,
      trans,
      findContext,
      localPath,
      application: `${app.name} ${app.version}`
    });
    // what waits goes on when its page is closed: then nobody else would tell of it
    const mayShow = ({ path, queue }: ILaunch) =>
      queue !== null || (path !== '' && findContext(path) !== null);
    const notices = new LaunchNotices({
      commands,
      model,
      switcher,
      memory,
      preferences,
      mayShow,
      isOnScreen: id => document.getElementById(id) !== null,
      trans
    });
    tracker?.widgetAdded.connect(() => notices.look(), launches);
  }
};
