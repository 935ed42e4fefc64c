// The commands that interrupt and restart the kernel of a launch.
import { ISessionContext } from '@jupyterlab/apputils';
import { KernelAPI, ServerConnection } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import { refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { DisposableSet, IDisposable } from '@lumino/disposable';
import { CommandIDs } from './commandIds';
import { attempt, text } from './commandTools';
import { hasRun } from '../model/launches';
import { IGpuContainersModel } from '../tokens';
import { ILaunch } from '../client/wire';

/** What the commands work on. */
export interface IKernelCommandOptions {
  commands: CommandRegistry;
  model: IGpuContainersModel;
  settings: ServerConnection.ISettings;
  /** The notebook in this page that has a kernel, and JupyterLab's own way to ask. */
  findContext: (kernelId: string) => ISessionContext | null;
  dialogs: ISessionContext.IDialogs | null;
  trans: TranslationBundle;
}

/** Add them. */
export function addKernelCommands(options: IKernelCommandOptions): IDisposable {
  const { commands, model, settings, findContext, dialogs, trans } = options;
  const added = new DisposableSet();

  const find = (args: ReadonlyPartialJSONObject): ILaunch | undefined =>
    model.launches.find(({ id }) => id === text(args.id));
  /** Id of the kernel of a launch that runs. */
  const kernelOf = (args: ReadonlyPartialJSONObject): string | null => {
    const launch = find(args);
    return launch?.phase === 'running' ? launch.kernel_id : null;
  };
  /** A launch whose kernel has died. */
  const deadOf = (args: ReadonlyPartialJSONObject): ILaunch | null => {
    const launch = find(args);
    return launch?.phase === 'failed' && hasRun(launch) ? launch : null;
  };
  const isEnabled = (args: ReadonlyPartialJSONObject) =>
    model.available === true && kernelOf(args) !== null;
  const title = trans.__('The kernel could not be restarted');

  /** There is nothing to lose, and so nothing to ask. */
  const revive = async ({ environment, kernel_id, path }: ILaunch) => {
    const context = kernel_id === null ? null : findContext(kernel_id);
    if (context) {
      return attempt(trans, title, () => context.restartKernel());
    }
    // the server has forgotten it
    await commands.execute(CommandIDs.launch, { path, environment });
    return true;
  };
  const describedBy = {
    args: {
      type: 'object',
      required: ['id'],
      properties: {
        id: { type: 'string', description: trans.__('Id of the launch') }
      }
    }
  } as const;

  added.add(
    commands.addCommand(CommandIDs.interrupt, {
      label: trans.__('Interrupt Kernel'),
      caption: trans.__('Stop the cell that runs; variables stay'),
      icon: stopIcon,
      isEnabled,
      describedBy,
      execute: async args => {
        const id = kernelOf(args);
        const failure = trans.__('The kernel could not be interrupted');
        return (
          id !== null &&
          attempt(trans, failure, () => KernelAPI.interruptKernel(id, settings))
        );
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.restart, {
      label: trans.__('Restart Kernel…'),
      caption: trans.__(
        'Begin anew in the same container; what was installed stays'
      ),
      icon: refreshIcon,
      isEnabled: args =>
        isEnabled(args) || (model.available === true && deadOf(args) !== null),
      describedBy,
      execute: async args => {
        const id = kernelOf(args);
        if (id === null) {
          const dead = deadOf(args);
          return dead !== null && revive(dead);
        }
        const context = findContext(id);
        if (context && dialogs) {
          return dialogs.restart(context);
        }
        const { confirmRestart } = await import('../dialogs/restartDialog');
        if (!(await confirmRestart(trans))) {
          return false;
        }
        return attempt(trans, title, () =>
          KernelAPI.restartKernel(id, settings)
        );
      }
    })
  );
  return added;
}
