// The dialog that follows a start: its steps, and why it failed; what can be decided meanwhile.
import { Dialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { toProblem } from '../client/requests';
import { ILaunch } from '../client/wire';
import { CommandIDs } from '../commands/commandIds';
import { remedyFor } from '../model/remedies';
import { IGpuContainersModel, IKernelSwitcher } from '../tokens';
import { LaunchProgress } from '../widgets/launchProgress';
import { showProblem } from './problemDialog';

/** What the dialog shows and speaks. */
export interface IStartDialogOptions {
  commands: CommandRegistry;
  model: IGpuContainersModel;
  switcher: IKernelSwitcher;
  trans: TranslationBundle;
}

/**
 * Follow a start until it succeeds, is cancelled, or the dialog is closed; where it fails, say why.
 *
 * @param find - the launch; null until the server has accepted the request
 * @param isOver - whether there is nothing to follow any more
 */
export async function showStart(
  options: IStartDialogOptions,
  find: () => ILaunch | null,
  isOver: () => boolean
): Promise<void> {
  const { commands, model, switcher, trans } = options;
  const launch = find();
  const stage = stageOf(launch);
  const id = launch?.id ?? '';
  const remedy =
    launch?.error && launch.phase === 'failed'
      ? remedyFor(trans, launch.error, launch, model)
      : null;
  const close = Dialog.createButton({
    label: trans.__('Close'),
    accept: false
  });
  const choices: [Dialog.IButton, () => unknown][] =
    stage === 'failed'
      ? [
          [
            Dialog.createButton({ label: trans.__('Copy report') }),
            () => commands.execute(CommandIDs.copyReport, { id })
          ],
          ...(remedy
            ? [
                [
                  Dialog.okButton({ label: remedy.label }),
                  () => commands.execute(remedy.command, remedy.args)
                ] as [Dialog.IButton, () => unknown]
              ]
            : [])
        ]
      : [
          [
            Dialog.warnButton({ label: trans.__('Cancel Start') }),
            () => id && model.cancel(id)
          ],
          ...(stage === 'waiting'
            ? [
                [
                  Dialog.okButton({ label: trans.__('Start on CPU') }),
                  () => commands.execute(CommandIDs.startOnCpu, { id })
                ] as [Dialog.IButton, () => unknown]
              ]
            : [])
        ];
  const buttons = [close, ...choices.map(([button]) => button)];
  const dialog = new Dialog<void>({
    title: titleOf(trans, launch),
    body: new LaunchProgress(switcher.changed, find, trans),
    buttons,
    defaultButton: 0
  });
  let isAnswered = false;
  const onChanged = () => {
    // other things can be done now
    if (!isAnswered && (isOver() || stage !== stageOf(find()))) {
      isAnswered = true;
      dialog.reject();
    }
  };
  switcher.changed.connect(onChanged);
  model.launchChanged.connect(onChanged);
  const { button } = await dialog.launch().finally(() => {
    switcher.changed.disconnect(onChanged);
    model.launchChanged.disconnect(onChanged);
  });
  if (isAnswered) {
    return isOver() ? undefined : showStart(options, find, isOver);
  }
  const choice = choices.find(([{ label }]) => label === button.label);
  await choice?.[1]();
}

/** Start a launch that waits for a GPU without one; say why not, where it cannot be. */
export async function startOnCpu(
  model: IGpuContainersModel,
  trans: TranslationBundle,
  id: string
): Promise<void> {
  try {
    await model.startOnCpu(id);
  } catch (reason) {
    const title = trans.__('It could not be started on the CPU');
    await showProblem(trans, title, toProblem(reason));
  }
}

/** What is offered depends on it. */
function stageOf(launch: ILaunch | null): 'new' | 'waiting' | 'failed' {
  switch (launch?.phase) {
    case 'waiting':
      return 'waiting';
    case 'failed':
      return 'failed';
    default:
      return 'new';
  }
}

function titleOf(trans: TranslationBundle, launch: ILaunch | null): string {
  const name = launch?.display_name;
  if (launch?.phase === 'failed') {
    return name
      ? trans.__('%1 could not be started', name)
      : trans.__('The environment could not be started');
  }
  return name ? trans.__('Starting %1', name) : trans.__('Starting the kernel');
}
