// The commands of what nobody uses now: to keep an idle kernel, to remove what waits for one.
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { DisposableSet, IDisposable } from '@lumino/disposable';
import { CommandIDs } from './commandIds';
import { PALETTE, attempt, text } from './commandTools';
import { IGpuContainersModel } from '../tokens';

/** What the command works on. */
export interface IIdleCommandOptions {
  commands: CommandRegistry;
  model: IGpuContainersModel;
  trans: TranslationBundle;
  /** Id of the current notebook's kernel, if it has one. */
  currentKernel: () => string | undefined;
}

/** Add them. */
export function addIdleCommands(options: IIdleCommandOptions): IDisposable {
  const { commands, model, trans, currentKernel } = options;

  /** Id of the launch that is meant. */
  const wanted = (args: ReadonlyPartialJSONObject): string | undefined => {
    const kernel = currentKernel();
    const current = model.launches.find(
      ({ kernel_id, phase }) => phase === 'running' && kernel_id === kernel
    );
    return text(args.id) ?? current?.id;
  };

  const keepAlive = commands.addCommand(CommandIDs.keepAlive, {
    label: args =>
      args.isPalette
        ? trans.__('Keep Kernel in Container Alive')
        : trans.__('Keep Alive'),
    caption: trans.__('Keep the kernel from being stopped for idleness'),
    isEnabled: args => model.available === true && wanted(args) !== undefined,
    isVisible: () => model.available === true,
    describedBy: {
      args: {
        type: 'object',
        properties: {
          ...PALETTE,
          id: {
            type: 'string',
            description: trans.__(
              'Id of the launch; by default that of the current notebook'
            )
          }
        }
      }
    },
    execute: async args => {
      const id = wanted(args);
      const title = trans.__('The kernel could not be kept alive');
      return (
        id !== undefined && attempt(trans, title, () => model.keepAlive(id))
      );
    }
  });
  const giveUpSpares = commands.addCommand(CommandIDs.giveUpSpares, {
    label: trans.__('Remove Waiting Containers'),
    caption: trans.__('Remove the containers that wait for the next kernels'),
    isEnabled: () => (model.status?.spares.count ?? 0) > 0,
    isVisible: () => model.available === true,
    describedBy: { args: { type: 'object', properties: {} } },
    execute: () =>
      attempt(
        trans,
        trans.__('The waiting containers could not be removed'),
        () => model.giveUpSpares()
      )
  });
  return DisposableSet.from([keepAlive, giveUpSpares]);
}
