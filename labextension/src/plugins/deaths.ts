// Plugin: a notebook says why its kernel died, and what can be done.
/* eslint jupyter/prefer-lazy-imports: off -- a kernel may end as soon as the launches are known */
import {
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ISessionContext } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { Kernel } from '@jupyterlab/services';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Dismissed, tabStorage } from '../model/dismissed';
import { DeathNotice } from '../notices/deathNotices';
import { DOMAIN, IGpuContainersModel, IKernelSwitcher } from '../tokens';

/** Key in the tab's storage. */
const DISMISSED = 'jupyter-gpu-containers:dismissed-deaths';

/** Says why kernels died. */
export const deaths: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:deaths',
  description: 'Says in notebooks why their kernels died.',
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
    const { contents } = app.serviceManager;
    const dismissed = new Dismissed(DISMISSED, tabStorage());
    const follow = (panel: NotebookPanel) => {
      if (model.available === false) {
        return;
      }
      silence(panel, name => switcher.environment(name) !== null);
      new DeathNotice(panel, {
        commands: app.commands,
        dismissed,
        model,
        switcher,
        localPath: path => contents.localPath(path),
        activate: ({ id }) => app.shell.activateById(id),
        trans
      });
    };
    tracker.forEach(follow);
    tracker.widgetAdded.connect((_, panel) => follow(panel), deaths);
  }
};

type OnStatus = (sender: ISessionContext, status: Kernel.Status) => void;

/**
 * Keep JupyterLab from saying, in a dialog, that a kernel of ours died and will be restarted: the
 * banner says that, and why. There is no public way, so where a version of JupyterLab has it
 * otherwise, its dialog appears as well.
 */
function silence(
  panel: NotebookPanel,
  isOurs: (kernelName: string) => boolean
): void {
  const { sessionContext } = panel;
  const stock = (panel as unknown as { _onSessionStatusChanged?: OnStatus })
    ._onSessionStatusChanged;
  if (
    typeof stock !== 'function' ||
    !sessionContext.statusChanged.disconnect(stock, panel)
  ) {
    return;
  }
  sessionContext.statusChanged.connect((sender, status) => {
    const name = sessionContext.session?.kernel?.name ?? '';
    if (status !== 'autorestarting' || !isOurs(name)) {
      stock.call(panel, sender, status);
    }
  }, panel);
}
