// Plugin: takes up launches that were begun before the page was opened, and says why kernels ended.
/* eslint jupyter/prefer-lazy-imports: off -- a kernel may end as soon as the launches are known */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISessionContext } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs } from '../commands/commandIds';
import { KernelNews } from '../notices/kernelNews';
import { wasCulled } from '../model/idle';
import { hasRun, isFinal, isInProgress } from '../model/launches';
import { DOMAIN, IGpuContainersModel, IKernelSwitcher } from '../tokens';
import { ILaunch, IProblem } from '../client/wire';

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
      const launches = model.launches.filter(launch => launch.path === path);
      const launch = launches.find(({ phase }) => !isFinal(phase));
      if (!launch) {
        // an idle kernel is mostly stopped while nobody looks
        if (launches.length > 0 && wasCulled(launches[0])) {
          news.tell(sessionContext.name, launches[0]);
        }
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
    switcher.failed.connect((_, failure) => {
      void import('../dialogs/dialogs').then(async ({ showFailure }) => {
        if (await showFailure(trans, failure)) {
          const reference = failure.image;
          await app.commands.execute(CommandIDs.addImage, { reference });
        }
      });
    }, attach);

    /** The notebook of a launch: by its kernel, since it may have been renamed, or by its path. */
    const find = (launch: ILaunch) =>
      tracker.find(
        ({ context, sessionContext }) =>
          sessionContext.session?.kernel?.id === launch.kernel_id ||
          contents.localPath(context.path) === launch.path
      );
    const startAgain = (launch: ILaunch) => {
      const panel = find(launch);
      if (!panel) {
        return;
      }
      const { sessionContext } = panel;
      const kernel = sessionContext.session?.kernel;
      app.shell.activateById(panel.id);
      const { environment, image } = launch;
      if (!kernel || kernel.id === launch.kernel_id) {
        void switcher.start(sessionContext, { environment });
      } else if (kernel.name !== environment) {
        // it has got another kernel meanwhile, with variables of its own: let its user decide
        const { path } = panel.context;
        void app.commands.execute(CommandIDs.selectEnvironment, {
          path,
          image
        });
      }
    };
    const show = async (name: string, problem: IProblem, launch: ILaunch) => {
      const { showDeath, showStop } = await import('../dialogs/dialogs');
      if (!wasCulled(launch)) {
        await showDeath(trans, name, problem);
      } else if (await showStop(trans, name, problem)) {
        startAgain(launch);
      }
    };
    const news = new KernelNews(
      trans,
      (...what) => void show(...what),
      startAgain
    );
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
