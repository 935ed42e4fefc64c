// Plugin: takes up launches that were begun before the page was opened, and says why kernels died.
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISessionContext } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs } from '../commandIds';
import { KernelNews } from '../kernelNews';
import { hasRun, isFinal } from '../launches';
import { DOMAIN, IGpuContainersModel, IKernelSwitcher } from '../tokens';

/** Takes up launches of notebooks, and reports failures. */
export const attach: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:attach',
  description: 'Attaches notebooks to launches in progress; reports failures.',
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
    const { contents, sessions } = app.serviceManager;

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
    tracker.forEach(panel => void takeUp(panel));
    tracker.widgetAdded.connect((_, panel) => void takeUp(panel), attach);

    switcher.failed.connect((_, failure) => {
      void import('../dialogs').then(async ({ showFailure }) => {
        if (await showFailure(trans, failure)) {
          const reference = failure.image;
          await app.commands.execute(CommandIDs.addImage, { reference });
        }
      });
    }, attach);

    const news = new KernelNews(trans, (name, problem) => {
      void import('../dialogs').then(({ showDeath }) =>
        showDeath(trans, name, problem)
      );
    });
    model.launchChanged.connect((_, launch) => {
      // by its kernel: the notebook may have been renamed since
      const panel = tracker.find(
        ({ context, sessionContext }) =>
          sessionContext.session?.kernel?.id === launch.kernel_id ||
          contents.localPath(context.path) === launch.path
      );
      if (panel && hasRun(launch)) {
        news.tell(panel.sessionContext.name, launch);
      }
    }, attach);
  }
};

/** Change part of what a notebook wants of its kernel. */
function prefer(
  context: ISessionContext,
  preference: ISessionContext.IKernelPreference
): void {
  context.kernelPreference = { ...context.kernelPreference, ...preference };
}
