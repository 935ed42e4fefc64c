// The dialog in which a notebook's environment is chosen.
import { Dialog, ISessionContext } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { INewLaunch } from '../client/wire';
import { ILaunchState, LaunchForm } from '../forms/launchForm';
import { IPresentKernel } from '../forms/lossNotice';
import { ILastChoice } from '../model/lastChoice';
import { isImage } from '../model/format';
import { IPreset, presetOf } from '../model/preset';
import {
  IGpuContainersModel,
  IJobsModel,
  IKernelSwitcher,
  IRegistriesModel
} from '../tokens';
import { FormDialog } from './formDialog';

/** Instead of an environment, JupyterLab's own choice of kernels is asked for. */
export const OTHER_KERNEL = 'other-kernel';

/** Instead of an environment, an image that is only to be downloaded is asked for. */
export const ADD_IMAGE = 'add-image';

/** What the dialog works on. */
export interface ILaunchDialogOptions {
  model: IGpuContainersModel;
  switcher: IKernelSwitcher;
  registries?: IRegistriesModel | null;
  jobs?: IJobsModel | null;
  last?: ILastChoice;
  /** Whether it is to be said what will be lost. */
  confirmLosses?: boolean;
  trans: TranslationBundle;
}

/** What the dialog begins with. */
export interface ILaunchDialogStart {
  preset?: IPreset;
  /** Leave out what is known not to run here. */
  onlyFitting?: boolean;
}

/** What came of the dialog. */
export type LaunchAnswer =
  | { kind: 'launch'; request: INewLaunch }
  | { kind: typeof OTHER_KERNEL | typeof ADD_IMAGE | 'nothing' }
  /** The present kernel is to be kept first; then the dialog goes on with what was chosen. */
  | { kind: 'save'; launchId: string; chosen: INewLaunch | null };

/** A dialog whose last button is named, and usable, as its form says. */
class LaunchDialog extends FormDialog<INewLaunch | null> {
  /** Name the button that starts. */
  reflect({ request, label, isWarning, isBlocked }: ILaunchState): void {
    const button = this.startButton;
    if (!button) {
      return;
    }
    const text = button.querySelector('.jp-Dialog-buttonLabel');
    if (text) {
      text.textContent = label;
    }
    button.setAttribute('aria-label', label);
    button.classList.toggle('jp-mod-warn', isWarning);
    button.disabled = request === null;
    if (isBlocked && !this.node.contains(document.activeElement)) {
      // there is no search field to begin with, and Escape is for the dialog that has the focus
      const others = '.jp-Dialog-footer .jp-Dialog-button.jp-mod-reject';
      [...this.node.querySelectorAll<HTMLElement>(others)].pop()?.focus();
    }
  }

  /** Put the focus on the button that starts. */
  look(): void {
    this.startButton?.focus();
  }

  override resolve(index?: number): void {
    const isStart = index === undefined || index === START;
    if (!isStart || !this.startButton?.disabled) {
      super.resolve(index);
    }
  }

  protected override _evtInput(): void {
    // whether it can be started is the form's to say
  }

  private get startButton(): HTMLButtonElement | null {
    return this.node.querySelector<HTMLButtonElement>(
      '.jp-Dialog-footer .jp-Dialog-button.jp-mod-accept'
    );
  }
}

/** Index of the button that starts. */
const START = 2;

/** Ask for image, kernel, GPUs and limits of a notebook. */
export async function askForLaunch(
  options: ILaunchDialogOptions,
  context: ISessionContext,
  start: ILaunchDialogStart = {}
): Promise<LaunchAnswer> {
  const { model, switcher, trans, registries, jobs } = options;
  const kernel = context.session?.kernel;
  const [last] = await Promise.all([
    options.last?.get() ?? null,
    model.loadLimits()
  ]);
  let other: LaunchAnswer | null = null;
  const leave = (answer: LaunchAnswer) => {
    other = answer;
    dialog.reject();
  };
  const present = presentKernel(options, context);
  const body = new LaunchForm({
    model,
    trans,
    registries,
    jobs,
    preset: {
      ...ownPreset(model, switcher, kernel?.name ?? ''),
      ...start.preset
    },
    last,
    onlyFitting: start.onlyFitting,
    kernelId: kernel?.id,
    present,
    onState: state => dialog.reflect(state),
    onSubmit: () => dialog.resolve(START),
    onLook: () => dialog.look(),
    onAddImage: () => leave({ kind: ADD_IMAGE }),
    onSave: chosen =>
      leave({ kind: 'save', launchId: present?.launchId ?? '', chosen })
  });
  const dialog = new LaunchDialog({
    title: trans.__('Environment for %1', context.name),
    body,
    buttons: [
      Dialog.cancelButton({
        label: trans.__('Other Kernel…'),
        caption: trans.__('Choose a kernel outside of containers'),
        actions: [OTHER_KERNEL]
      }),
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      Dialog.okButton({ label: trans.__('Start') })
    ],
    focusNodeSelector: 'input[type=search]'
  });
  dialog.addClass('jp-GpuContainers-dialog');
  dialog.addClass('jp-GpuContainers-wideDialog');
  const watching = model.watch();
  const { button, value } = await dialog.launch().finally(() => {
    watching.dispose();
    dialog.dispose();
  });
  if (other) {
    return other;
  }
  if (button.actions.includes(OTHER_KERNEL)) {
    return { kind: OTHER_KERNEL };
  }
  return button.accept && value
    ? { kind: 'launch', request: value }
    : { kind: 'nothing' };
}

/** What the notebook runs in now. */
function ownPreset(
  model: IGpuContainersModel,
  switcher: IKernelSwitcher,
  kernelName: string
): IPreset {
  const environment = model.environments?.find(
    ({ name }) => name === kernelName
  );
  const facts = switcher.environment(kernelName);
  if (environment) {
    const { image_id, reference } = environment;
    const images = model.images ?? [];
    // its name may have gone to another image meanwhile, or away
    const isRenamed =
      images.some(({ id }) => id === image_id) &&
      !images.some(image => image.id === image_id && isImage(image, reference));
    return {
      ...presetOf(environment),
      ...(isRenamed ? { image: image_id } : {})
    };
  }
  return facts
    ? {
        image: facts.image,
        gpus: facts.gpus,
        ...(facts.gpu_profile ? { gpu_profile: facts.gpu_profile } : {})
      }
    : {};
}

/** The kernel that would be lost, where that is to be said. */
function presentKernel(
  { model, confirmLosses = true }: ILaunchDialogOptions,
  context: ISessionContext
): IPresentKernel | null {
  const kernel = context.session?.kernel;
  if (!kernel || !confirmLosses || kernel.status === 'dead') {
    return null;
  }
  const launch = model.launches.find(
    ({ kernel_id, phase }) => kernel_id === kernel.id && phase === 'running'
  );
  return {
    name: context.kernelDisplayName,
    launchId: launch?.id ?? null
  };
}
