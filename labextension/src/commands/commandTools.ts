// What the commands share: their arguments, and the way they say what went wrong.
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { isImage } from '../model/format';
import { toProblem } from '../client/requests';
import { IGpuContainersModel, IJobsModel, IRegistriesModel } from '../tokens';
import { IImage, ILaunch } from '../client/wire';

/** What the commands of images, jobs and registries work on. */
export interface IImageCommandOptions {
  commands: CommandRegistry;
  model: IGpuContainersModel;
  jobs: IJobsModel;
  registries: IRegistriesModel;
  trans: TranslationBundle;
  /** Id of the current notebook's kernel, if it has one. */
  currentKernel?: () => string | undefined;
}

/** Arguments that the palette gives. */
export const PALETTE = { isPalette: { type: 'boolean' } } as const;

/** A notebook's path; without it, the current notebook is meant. */
export const PATH = {
  type: 'string',
  description: 'Path of the notebook; by default the current one'
} as const;

/** An image on this machine. */
export const IMAGE = {
  type: 'string',
  description: 'Reference or id of an image on this machine'
} as const;

/** The arguments of what is done with an image under a name. */
export function referenceArgs(description: string) {
  return {
    type: 'object',
    properties: {
      image: IMAGE,
      reference: { type: 'string', description }
    }
  } as const;
}

/** A text among arguments; undefined where it is missing or empty. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The image that arguments name, if it is on the engine. */
export function findImage(
  model: IGpuContainersModel,
  args: ReadonlyPartialJSONObject
): IImage | undefined {
  const wanted = text(args.image);
  return model.images?.find(image => wanted && isImage(image, wanted));
}

/** The launch whose kernel a notebook has, while it runs. */
export function runningLaunch(
  model: IGpuContainersModel,
  kernelId: string | undefined
): ILaunch | undefined {
  return model.launches.find(
    ({ kernel_id, phase }) => phase === 'running' && kernel_id === kernelId
  );
}

/** Do something; say what went wrong, if anything. */
export async function attempt(
  trans: TranslationBundle,
  title: string,
  action: () => Promise<unknown>
): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (reason) {
    const { showProblem } = await import('../dialogs/problemDialog');
    await showProblem(trans, title, toProblem(reason));
    return false;
  }
}
