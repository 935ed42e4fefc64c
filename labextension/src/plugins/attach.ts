// Plugin: takes up launches that were begun before the page was opened, and warns of kernels that run.
/* eslint jupyter/prefer-lazy-imports: off -- a kernel may end as soon as the launches are known */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISessionContext } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { shutDown } from '../client/events';
import { KernelNews } from '../notices/kernelNews';
import { hasRun, isFinal, isInProgress } from '../model/launches';
import { DOMAIN, IGpuContainersModel, IKernelSwitcher } from '../tokens';
import { ILaunch } from '../client/wire';

/** Takes up launches of notebooks, and warns. */
export const attach: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:attach',
  description: 'Attaches notebooks to launches in progress; warns of kernels.',
  autoStart: true,
  requires: [IGpuContainersModel, IKernelSwitcher, INotebookTracker],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    switcher: IKernelSwitcher,
    tracker: INotebookTracker,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { contents, events, sessions } = app.serviceManager;

    /** Attach a notebook to a launch that nobody has attached yet. */
    const takeUp = async ({ context, sessionContext }: NotebookPanel) => {
      const path = contents.localPath(context.path);
      const launch = model.launches.find(
        launch => launch.path === path && !isFinal(launch.phase)
      );
      if (!launch) {
        return;
      }
      // its kernel is on the way: JupyterLab must not start another one meanwhile
      const { shouldStart } = sessionContext.kernelPreference;
      prefer(sessionContext, { shouldStart: false });
      await sessions.refreshRunning();
      const isTaken = [...sessions.running()].some(
        ({ kernel }) => kernel?.id === launch.kernel_id
      );
      if (!isTaken) {
        await switcher.follow(sessionContext, launch);
      }
      prefer(sessionContext, { shouldStart });
    };
    /** The notebook of a launch: by its kernel, since it may have been renamed, or by its path. */
    const find = (launch: ILaunch) =>
      tracker.find(
        ({ context, sessionContext }) =>
          sessionContext.session?.kernel?.id === launch.kernel_id ||
          contents.localPath(context.path) === launch.path
      );
    const news = new KernelNews(trans, (name, problem) => {
      void import('../dialogs/problemDialog').then(({ showProblem }) =>
        showProblem(trans, name, problem)
      );
    });
    model.launchChanged.connect((_, launch) => {
      const panel = find(launch);
      if (panel && hasRun(launch)) {
        news.tell(panel.sessionContext.name, launch);
      }
    }, attach);
    model.launchChanged.connect((_, launch) => {
      // asked for in another page, or by another person: Jupyter has not made its kernel yet
      const isNew = isInProgress(launch) && launch.kernel_id === null;
      const panel = isNew && find(launch);
      if (panel && !switcher.pending(panel.sessionContext)) {
        void takeUp(panel);
      }
    }, attach);

    events.stream.connect((_, event) => {
      // whoever ended the kernel: JupyterLab looks every ten seconds only, and until then sends
      // cells to a kernel that is gone, which are lost without a word
      const id = shutDown(event);
      const isOurs = [...sessions.running()].some(
        ({ kernel }) => kernel?.id === id && switcher.environment(kernel.name)
      );
      if (id !== null && isOurs) {
        void sessions.refreshRunning();
      }
    }, attach);

    tracker.forEach(panel => void takeUp(panel));
    tracker.widgetAdded.connect((_, panel) => void takeUp(panel), attach);
  }
};

/** Change part of what a notebook wants of its kernel. */
function prefer(
  context: ISessionContext,
  preference: ISessionContext.IKernelPreference
): void {
  context.kernelPreference = { ...context.kernelPreference, ...preference };
}
