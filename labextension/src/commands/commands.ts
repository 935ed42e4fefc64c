// The commands: every button, menu and test acts through them.
import { Notification } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { DisposableSet, IDisposable } from '@lumino/disposable';
import { CommandIDs } from './commandIds';
import { PALETTE, PATH, text } from './commandTools';
import {
  BYTES,
  ISelectOptions,
  RUNS_HERE,
  presetOfArgs,
  selectEnvironment
} from './selectEnvironment';
import { chipIcon } from '../icons';
import { isInProgress } from '../model/launches';
import { INewLaunch } from '../client/wire';

/** What the commands work on. */
export interface ICommandOptions extends ISelectOptions {
  /** The notebook of a path, or the current one. */
  findNotebook: (path?: string) => NotebookPanel | null;
  openPanel: () => void;
}

/** Add all commands. */
export function addCommands(options: ICommandOptions): IDisposable {
  const { commands, model, switcher, trans, findNotebook } = options;
  const enabled = () => model.available === true;
  const onNotebook = (args: ReadonlyPartialJSONObject) =>
    enabled() && findNotebook(text(args.path)) !== null;
  const added = new DisposableSet();

  added.add(
    commands.addCommand(CommandIDs.openPanel, {
      label: trans.__('GPUs and Containers'),
      caption: trans.__('Show GPUs, images, and kernels in containers'),
      icon: args => (args.isPalette ? undefined : chipIcon),
      isVisible: enabled,
      describedBy: { args: { type: 'object', properties: PALETTE } },
      execute: () => options.openPanel()
    })
  );
  added.add(
    commands.addCommand(CommandIDs.refresh, {
      label: trans.__('Refresh GPUs and Containers'),
      isVisible: enabled,
      describedBy: { args: { type: 'object', properties: PALETTE } },
      execute: () => model.refresh()
    })
  );
  added.add(
    commands.addCommand(CommandIDs.selectEnvironment, {
      label: args =>
        args.image
          ? trans.__('Start for the Notebook…')
          : trans.__('Select Environment…'),
      caption: trans.__('Choose image, kernel and GPUs for the notebook'),
      icon: args => (args.isPalette ? undefined : chipIcon),
      isEnabled: onNotebook,
      isVisible: enabled,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            ...PALETTE,
            path: PATH,
            image: {
              type: 'string',
              description: trans.__(
                'Reference or id of the image to begin with'
              )
            },
            gpus: { type: 'integer', minimum: 0 },
            shmSize: { type: 'integer', minimum: 0, description: BYTES },
            memory: { type: 'integer', minimum: 0, description: BYTES },
            filter: {
              type: 'string',
              enum: [RUNS_HERE],
              description: trans.__('Leave out images that do not run here')
            }
          }
        }
      },
      execute: async args => {
        const panel = findNotebook(text(args.path));
        if (!panel) {
          Notification.info(
            trans.__('Open the notebook that is to run in a container first.'),
            { autoClose: 5000 }
          );
          return;
        }
        await selectEnvironment(options, panel, {
          preset: presetOfArgs(args),
          onlyFitting: args.filter === RUNS_HERE
        });
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.launch, {
      label: trans.__('Start Environment'),
      isEnabled: onNotebook,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            path: PATH,
            environment: { type: 'string' },
            image: { type: 'string' },
            kernel: { type: 'string' },
            gpus: { type: 'integer', minimum: 0 },
            gpu_profile: { type: 'string' },
            gpu_uuids: { type: 'array', items: { type: 'string' } },
            memory: { type: 'integer', description: BYTES },
            shm_size: { type: 'integer', description: BYTES },
            mounts: { type: 'array', items: { type: 'string' } },
            pull: {
              type: 'boolean',
              description: trans.__('Download the image if it is not here')
            }
          }
        }
      },
      execute: async args => {
        const panel = findNotebook(text(args.path));
        if (!panel) {
          return false;
        }
        const { environment, image, kernel } = args as INewLaunch;
        const { gpus, gpu_profile, gpu_uuids } = args as INewLaunch;
        const { memory, shm_size, mounts, pull } = args as INewLaunch;
        const devices = { gpus, gpu_profile, gpu_uuids };
        const limits = { memory, shm_size, mounts };
        const what = environment
          ? { environment }
          : { image, kernel, ...devices, ...limits, pull };
        return switcher.start(panel.sessionContext, what);
      }
    })
  );
  added.add(
    commands.addCommand(CommandIDs.stop, {
      label: args =>
        model.launches.some(each => each.id === args.id && isInProgress(each))
          ? trans.__('Cancel Start')
          : trans.__('Shut Down Kernel in Container'),
      isEnabled: enabled,
      describedBy: {
        args: {
          type: 'object',
          required: ['id'],
          properties: {
            id: { type: 'string', description: trans.__('Id of the launch') }
          }
        }
      },
      execute: args => model.cancel(text(args.id) ?? '')
    })
  );
  added.add(
    commands.addCommand(CommandIDs.openNotebook, {
      label: trans.__('Open Notebook or Console of Kernel'),
      describedBy: {
        args: {
          type: 'object',
          required: ['path'],
          properties: {
            path: PATH,
            type: {
              type: 'string',
              description: trans.__('Of its session: notebook or console')
            }
          }
        }
      },
      execute: args => {
        const path = text(args.path) ?? '';
        const isConsole = args.type === 'console';
        return commands.execute(
          isConsole ? 'console:open' : 'docmanager:open',
          { path }
        );
      }
    })
  );
  return added;
}
