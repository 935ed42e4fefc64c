// Commands of one launch: how it gets on, a report of it, and the CPU instead of the queue.
import { Clipboard, Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { DisposableSet, IDisposable } from '@lumino/disposable';
import { ISessionContext } from '@jupyterlab/apputils';
import { CommandIDs } from './commandIds';
import { PATH, text } from './commandTools';
import { LaunchMemory } from '../model/launchMemory';
import { isInProgress } from '../model/launches';
import { reportOf } from '../model/report';
import { IGpuContainersModel, IKernelSwitcher } from '../tokens';
import { ILaunch } from '../client/wire';

/** What the commands work on. */
export interface ILaunchCommandOptions {
  commands: CommandRegistry;
  model: IGpuContainersModel;
  switcher: IKernelSwitcher;
  memory: LaunchMemory;
  trans: TranslationBundle;
  /** The session of a notebook by its path, or of the current one. */
  findContext: (path?: string) => ISessionContext | null;
  /** A path without its drive, as the server knows it. */
  localPath: (path: string) => string;
  /** Of JupyterLab or Notebook: "JupyterLab 4.6.6". */
  application: string;
}

/** Add them. */
export function addLaunchCommands(options: ILaunchCommandOptions): IDisposable {
  const { commands, model, switcher, memory, trans } = options;
  const added = new DisposableSet();

  /** The newest launch of a notebook. */
  const newest = (context: ISessionContext | null): ILaunch | null => {
    const kernel = context?.session?.kernel?.id;
    const path = context && options.localPath(context.path);
    return (
      model.launches.find(
        launch =>
          (kernel !== undefined && launch.kernel_id === kernel) ||
          (path !== null && launch.path === path)
      ) ?? null
    );
  };
  /** The launch that arguments name; else that of the notebook. */
  const findLaunch = (args: ReadonlyPartialJSONObject): ILaunch | null => {
    const id = text(args.id);
    const context = options.findContext(text(args.path));
    const pending = context && switcher.pending(context)?.launch;
    return id ? memory.find(id) : (pending ?? newest(context));
  };
  const properties = {
    id: {
      type: 'string',
      description: trans.__('Id of the launch; by default the notebook’s')
    },
    path: PATH
  } as const;

  added.add(
    commands.addCommand(CommandIDs.showLaunch, {
      label: trans.__('Show Start'),
      caption: trans.__('Show how the start of the kernel gets on'),
      isEnabled: args =>
        findLaunch(args) !== null ||
        Boolean(pendingOf(switcher, options.findContext(text(args.path)))),
      describedBy: { args: { type: 'object', properties } },
      execute: async args => {
        const { showStart } = await import('../dialogs/startDialog');
        const id = text(args.id);
        const context = options.findContext(text(args.path));
        const pending = id ? null : pendingOf(switcher, context);
        if (context && pending) {
          const find = () => pendingOf(switcher, context)?.launch ?? null;
          await showStart(options, find, () => !pendingOf(switcher, context));
          return;
        }
        const known = findLaunch(args);
        if (known) {
          const find = () => memory.find(known.id);
          const isOver = () => {
            const launch = find();
            return !launch || !(isInProgress(launch) || launch.error);
          };
          await showStart(options, find, isOver);
        }
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.copyReport, {
      label: trans.__('Copy Report of Kernel in Container'),
      caption: trans.__(
        'Copy what is known of the start or the end of a kernel, without secrets'
      ),
      isEnabled: args => findLaunch(args) !== null,
      isVisible: () => model.available === true,
      describedBy: { args: { type: 'object', properties } },
      execute: async args => {
        const launch = findLaunch(args);
        if (!launch) {
          return null;
        }
        if (!model.status || !model.gpus) {
          await model.refresh();
        }
        const { application } = options;
        const { gpus, status } = model;
        const now = Date.now();
        const report = reportOf({ launch, status, gpus, application, now });
        Clipboard.copyToSystem(report);
        Notification.info(trans.__('The report was copied.'), {
          autoClose: 3000
        });
        return report;
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.startOnCpu, {
      label: trans.__('Start on CPU'),
      caption: trans.__('Start what waits for a GPU now, without one'),
      isEnabled: () => model.available === true,
      describedBy: {
        args: {
          type: 'object',
          properties
        }
      },
      execute: async args => {
        const id = findLaunch(args)?.id ?? text(args.id);
        if (id) {
          const { startOnCpu } = await import('../dialogs/startDialog');
          await startOnCpu(model, trans, id);
        }
      }
    })
  );
  return added;
}

function pendingOf(
  switcher: IKernelSwitcher,
  context: ISessionContext | null
): IKernelSwitcher.ISwitch | null {
  return context && switcher.pending(context);
}
