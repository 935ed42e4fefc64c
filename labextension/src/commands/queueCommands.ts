// Commands for launches that wait for a GPU.
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { IDisposable } from '@lumino/disposable';
import { CommandIDs } from './commandIds';
import { text } from './commandTools';
import { IGpuContainersModel } from '../tokens';

/** Add them. */
export function addQueueCommands(
  commands: CommandRegistry,
  model: IGpuContainersModel,
  trans: TranslationBundle
): IDisposable {
  return commands.addCommand(CommandIDs.startOnCpu, {
    label: trans.__('Start on CPU'),
    caption: trans.__('Start what waits for a GPU now, without one'),
    isEnabled: () => model.available === true,
    describedBy: {
      args: {
        type: 'object',
        required: ['id'],
        properties: {
          id: { type: 'string', description: trans.__('Id of the launch') }
        }
      }
    },
    execute: async args => {
      const { startOnCpu } = await import('../dialogs/dialogs');
      await startOnCpu(model, trans, text(args.id) ?? '');
    }
  });
}
