// The commands that lead into a running kernel's container: a terminal, and its log.
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { DisposableSet, IDisposable } from '@lumino/disposable';
import { ILaunch } from '../client/wire';
import { isFinal } from '../model/launches';
import { IGpuContainersModel } from '../tokens';
import { CommandIDs } from './commandIds';
import { PALETTE, attempt, text } from './commandTools';

/** What the commands work on. */
export interface IShellCommandOptions {
  commands: CommandRegistry;
  model: IGpuContainersModel;
  trans: TranslationBundle;
  /** Id of the current notebook's kernel, if it has one. */
  currentKernel: () => string | undefined;
  /** Open a shell in a kernel's container; returns the name of Jupyter's terminal. */
  openTerminal: (id: string) => Promise<string>;
  /** Show the log of a launch, in the viewer that it has or a new one. */
  showLog: (id: string) => Promise<void>;
}

/** Add them. */
export function addShellCommands(options: IShellCommandOptions): IDisposable {
  const { commands, model, trans, currentKernel } = options;
  const isVisible = () => model.available === true;
  const describedBy = {
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
  } as const;

  /** The launch that is meant, if it is known. */
  const wanted = (args: ReadonlyPartialJSONObject): ILaunch | undefined => {
    const id = text(args.id);
    const kernel = id === undefined ? currentKernel() : undefined;
    return model.launches.find(launch =>
      id === undefined
        ? kernel !== undefined && launch.kernel_id === kernel
        : launch.id === id
    );
  };

  const added = new DisposableSet();
  added.add(
    commands.addCommand(CommandIDs.openTerminal, {
      label: args =>
        args.isPalette
          ? trans.__('Open Terminal in Kernel’s Container')
          : trans.__('Open Terminal'),
      caption: trans.__(
        'Open a terminal where the kernel runs: with its files, packages and GPUs'
      ),
      isEnabled: args => isVisible() && wanted(args)?.phase === 'running',
      isVisible,
      describedBy,
      execute: async args => {
        const launch = wanted(args);
        const title = trans.__('The terminal could not be opened');
        return (
          launch !== undefined &&
          attempt(trans, title, async () => {
            const name = await options.openTerminal(launch.id);
            await commands.execute('terminal:open', { name });
          })
        );
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.showLog, {
      label: args =>
        args.isPalette
          ? trans.__('Show Log of Kernel’s Container')
          : trans.__('Show Log'),
      caption: trans.__('Show what the kernel writes outside of the notebook'),
      isEnabled: args => {
        const launch = wanted(args);
        // a viewer that is restored tells by itself what has become of its launch
        return (
          isVisible() &&
          (launch
            ? launch.container_id !== null && !isFinal(launch.phase)
            : text(args.id) !== undefined)
        );
      },
      isVisible,
      describedBy,
      execute: async args => {
        const id = wanted(args)?.id ?? text(args.id);
        if (id !== undefined) {
          await options.showLog(id);
        }
      }
    })
  );
  return added;
}
