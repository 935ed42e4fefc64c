// What a notebook's banner says of the environment that it remembers. Pure.
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandIDs } from '../commands/commandIds';
import { chipsOf } from '../model/chips';
import { gpuCount } from '../model/format';
import { gpuKinds } from '../model/gpuKinds';
import { IRemembered, Whereabouts, toMetadata } from '../model/remembered';
import { IGpus, IProblem } from '../client/wire';
import { IImageDetails } from '../client/wireImages';
import { NotebookBanner } from '../widgets/banner';

/** What is known when the offer is made; nobody was asked for it but this server. */
export interface IOfferOptions {
  /** The notebook's. */
  path: string;
  remembered: IRemembered;
  where: Whereabouts;
  /** Of the MIG instances that it had; null: whole GPUs, or nobody knows. */
  profile: string | null;
  /** What a registry told of the image when somebody asked it. */
  known: IImageDetails | null;
  gpus: IGpus | null;
  /** Why nothing can be started at the moment, such as that no engine answers. */
  problem: IProblem | null;
  trans: TranslationBundle;
}

/** GPUs to ask for. */
export interface IGpusHere {
  gpus: number;
  /** MIG instances of this profile instead of whole GPUs. */
  gpu_profile?: string;
}

/**
 * What a notebook can have here of the GPUs that it had; null where it had MIG instances of a size
 * that is not here: a whole GPU is not what it asked for.
 *
 * @param profile - of MIG instances; null where it had whole GPUs, or nobody knows
 */
export function gpusHere(
  remembered: IRemembered,
  gpus: IGpus | null,
  profile: string | null = null
): IGpusHere | null {
  const wanted = profile !== null && remembered.gpus > 0 ? profile : null;
  if (!gpus) {
    return {
      gpus: remembered.gpus,
      ...(wanted === null ? {} : { gpu_profile: wanted })
    };
  }
  const [usual, ...kinds] = gpuKinds(gpus.gpus);
  const kind =
    wanted === null
      ? usual
      : kinds.find(each => inName(each.profile ?? '') === inName(wanted));
  if (!kind) {
    return null;
  }
  const there = kind.gpus.length;
  const most = Math.min(there, gpus.max_per_kernel ?? there);
  return {
    gpus: Math.min(remembered.gpus, most),
    ...(kind.profile === null ? {} : { gpu_profile: kind.profile })
  };
}

/** A MIG profile as it stands in the name of a kernelspec. */
function inName(profile: string): string {
  return profile.toLowerCase().replace(/[^a-z0-9._-]+/g, '-');
}

/** "2 GPUs", or "2 × 1g.10gb". */
function gpusText(
  trans: TranslationBundle,
  count: number,
  profile: string | null
): string {
  if (profile === null || count === 0) {
    return gpuCount(trans, count);
  }
  return count === 1 ? profile : trans.__('%1 × %2', count, profile);
}

/** What the banner says and offers. */
export function offer(options: IOfferOptions): NotebookBanner.IContent {
  const { gpus, profile, remembered } = options;
  const content = offerOf(options);
  return gpusHere(remembered, gpus, profile)
    ? content
    : { ...content, actions: [gpusAction(options), declineAction(options)] };
}

/** The same, where the GPUs are there. */
function offerOf(options: IOfferOptions): NotebookBanner.IContent {
  const { profile, remembered, where, trans } = options;
  const { image } = remembered;
  const count = gpusText(trans, remembered.gpus, profile);
  const obstacle =
    options.problem ?? (where.kind === 'away' ? null : where.image.problem);
  if (obstacle) {
    return {
      severity: 'warning',
      text: trans.__('Last run in %1 (%2).', image, count),
      hint: [obstacle.message, obstacle.hint].filter(Boolean).join(' '),
      actions: [chooseAction(options), declineAction(options)]
    };
  }
  if (where.kind === 'moved') {
    return {
      severity: 'warning',
      text: trans.__(
        'Last run in %1 (%2). On this machine this name stands for another image now.',
        image,
        count
      ),
      hint: factsOf(options),
      actions: [
        useAction(options, 'named', trans.__('Use This Machine’s')),
        useAction(options, 'exact', trans.__('Get the Same One…')),
        chooseAction(options),
        declineAction(options)
      ]
    };
  }
  return {
    severity: 'info',
    text: trans.__('Last run in %1 (%2) — use it here?', image, count),
    hint: factsOf(options),
    actions: [
      where.kind === 'here'
        ? useAction(options, 'named', trans.__('Use It'))
        : useAction(options, 'named', trans.__('Use It…')),
      chooseAction(options),
      declineAction(options)
    ]
  };
}

/** What is said of a notebook that remembers nothing but the name of a kernelspec of ours. */
export function offerUnknown(
  path: string,
  displayName: string,
  trans: TranslationBundle
): NotebookBanner.IContent {
  return {
    severity: 'info',
    text: trans.__(
      'Last run in “%1”, an environment that is not on this machine.',
      displayName
    ),
    actions: [
      {
        label: trans.__('Choose Environment…'),
        command: CommandIDs.selectEnvironment,
        args: { path },
        isPrimary: true
      },
      declineAction({ path, trans })
    ]
  };
}

/** What is asked where the kernel of an environment was stopped and a cell is run. */
export function offerStopped(
  path: string,
  environment: string,
  displayName: string,
  trans: TranslationBundle
): NotebookBanner.IContent {
  return {
    severity: 'info',
    text: trans.__('Its kernel ran in “%1” and was stopped.', displayName),
    actions: [
      {
        label: trans.__('Start It Again'),
        command: CommandIDs.launch,
        args: { path, environment },
        isPrimary: true
      },
      {
        label: trans.__('Choose Another…'),
        command: CommandIDs.selectEnvironment,
        args: { path }
      }
    ]
  };
}

/** Facts that are known without asking a registry, in one line. */
function factsOf(options: IOfferOptions): string {
  const { gpus, profile, remembered, trans, where } = options;
  const subject =
    where.kind === 'away' ? (knownOf(options) ?? where.entry) : where.image;
  const facts = subject
    ? chipsOf(trans, subject).map(({ text }) => text)
    : [trans.__('Not on this machine')];
  if (!subject && where.kind === 'away' && where.runsHere) {
    facts.push(trans.__('Runs here'));
  }
  const here = gpusHere(remembered, gpus, profile);
  if (!here) {
    facts.push(trans.__('No MIG instance of this size here'));
  } else if (here.gpus < remembered.gpus) {
    const text = gpusText(trans, here.gpus, here.gpu_profile ?? null);
    facts.push(trans.__('Here: %1', text));
  } else if (gpus && here.gpus > 0 && !here.gpu_profile) {
    const [{ gpus: usual }] = gpuKinds(gpus.gpus);
    if (usual.every(({ mig_profile }) => mig_profile !== null)) {
      facts.push(trans.__('Here: MIG instances'));
    }
  }
  return facts.join(' · ');
}

/** What a registry told of the very image when somebody asked it; null where nobody did. */
function knownOf({
  known,
  remembered
}: Pick<IOfferOptions, 'known' | 'remembered'>): IImageDetails | null {
  const isIt =
    known &&
    !known.on_engine &&
    (remembered.digest === null || known.digest === remembered.digest);
  return isIt ? known : null;
}

/** What is shown is what is meant: the notebook may have been changed before the click. */
function useAction(
  { path, remembered }: IOfferOptions,
  which: 'named' | 'exact',
  label: string
): NotebookBanner.IAction {
  return {
    label,
    command: CommandIDs.useRemembered,
    args: { path, which, ...toMetadata(remembered) },
    isPrimary: which === 'named'
  };
}

/** The dialog, with the image: which GPUs instead, its reader knows. */
function gpusAction({
  path,
  remembered,
  trans,
  where
}: IOfferOptions): NotebookBanner.IAction {
  return {
    label: trans.__('Choose GPUs…'),
    command: CommandIDs.selectEnvironment,
    args: {
      path,
      image: where.kind === 'away' ? remembered.image : where.image.id
    },
    isPrimary: true
  };
}

function chooseAction({
  path,
  trans,
  where
}: IOfferOptions): NotebookBanner.IAction {
  const image = where.kind === 'away' ? undefined : where.image.id;
  return {
    label: trans.__('Choose Another…'),
    command: CommandIDs.selectEnvironment,
    args: image ? { path, image } : { path }
  };
}

function declineAction({
  path,
  trans
}: Pick<IOfferOptions, 'path' | 'trans'>): NotebookBanner.IAction {
  return {
    label: trans.__('Not Now'),
    command: CommandIDs.declineRemembered,
    args: { path }
  };
}
