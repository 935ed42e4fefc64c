// The dialogs of the commands: follow a start, read why it failed.
import { Dialog, ISessionContext } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { showProblem } from './problemDialog';
import { toProblem } from '../client/requests';
import { IGpuContainersModel, IKernelSwitcher } from '../tokens';
import { IProblem } from '../client/wire';
import { LaunchProgress } from '../widgets/launchProgress';

/** What the dialogs show and speak. */
export interface IDialogOptions {
  model: IGpuContainersModel;
  switcher: IKernelSwitcher;
  trans: TranslationBundle;
}

/** Follow a switch until it ends, is cancelled, or the dialog is closed. */
export async function showProgress(
  options: IDialogOptions,
  context: ISessionContext
): Promise<void> {
  const { model, switcher, trans } = options;
  const pending = switcher.pending(context);
  if (!pending) {
    return;
  }
  const name = pending.launch?.display_name;
  const waits = isWaiting(switcher, context);
  const onCpu = Dialog.okButton({ label: trans.__('Start on CPU') });
  const dialog = new Dialog<void>({
    title: name
      ? trans.__('Starting %1', name)
      : trans.__('Starting the kernel'),
    body: new LaunchProgress(switcher, context, trans),
    buttons: [
      Dialog.warnButton({
        label: waits ? trans.__('Leave the Queue') : trans.__('Cancel Start')
      }),
      ...(waits ? [onCpu] : []),
      Dialog.createButton({ label: trans.__('Close'), accept: false })
    ]
  });
  let isOver = false;
  const onChanged = () => {
    // into the queue, or out of it: other things can be done now
    if (!isOver && waits !== isWaiting(switcher, context)) {
      isOver = true;
      dialog.reject();
    }
  };
  switcher.changed.connect(onChanged);
  const { button } = await dialog
    .launch()
    .finally(() => switcher.changed.disconnect(onChanged));
  if (isOver) {
    return showProgress(options, context);
  }
  const launch = switcher.pending(context)?.launch;
  if (button.accept && launch) {
    const isCpu = button.label === onCpu.label;
    await (isCpu
      ? startOnCpu(model, trans, launch.id)
      : model.cancel(launch.id));
  }
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

/** Whether a notebook's launch waits for a GPU; null where it has none under way. */
function isWaiting(
  switcher: IKernelSwitcher,
  context: ISessionContext
): boolean | null {
  const pending = switcher.pending(context);
  return pending && pending.launch?.phase === 'waiting';
}

/**
 * Say why a notebook did not get its kernel.
 *
 * @returns whether its image, which is missing, is to be fetched
 */
export async function showFailure(
  trans: TranslationBundle,
  { context, displayName, image, problem }: IKernelSwitcher.IFailure
): Promise<boolean> {
  const title = displayName
    ? trans.__('%1 could not be started', displayName)
    : trans.__('The environment could not be started');
  const consequence = context.session?.kernel
    ? trans.__(
        '%1 keeps the kernel that it had. Cells that were waiting were not run.',
        context.name
      )
    : trans.__('Cells of %1 that were waiting were not run.', context.name);
  const isMissing = problem.code === 'image_not_found' && image !== '';
  const remedy = isMissing ? trans.__('Get the Image…') : undefined;
  return showProblem(trans, title, problem, { consequence, remedy });
}

/** Say why the kernel of a notebook died. */
export async function showDeath(
  trans: TranslationBundle,
  name: string,
  problem: IProblem
): Promise<void> {
  await showProblem(trans, trans.__('The kernel of %1 died', name), problem);
}

/**
 * Say why the kernel of a notebook was stopped, which is no failure.
 *
 * @returns whether it is to be started again
 */
export function showStop(
  trans: TranslationBundle,
  name: string,
  problem: IProblem
): Promise<boolean> {
  const title = trans.__('The kernel of %1 was stopped', name);
  const remedy = trans.__('Start again');
  return showProblem(trans, title, problem, { remedy, isFact: true });
}
