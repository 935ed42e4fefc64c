// What a notebook's banner says of the environment that it remembers. Pure.
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandIDs } from '../commands/commandIds';
import { chipsOf } from '../model/chips';
import { allocatable, gpuCount } from '../model/format';
import { IRemembered, Whereabouts, toMetadata } from '../model/remembered';
import { IGpus, IProblem } from '../client/wire';
import { NotebookBanner } from '../widgets/banner';

/** What is known when the offer is made; nobody was asked for it but this server. */
export interface IOfferOptions {
  /** The notebook's. */
  path: string;
  remembered: IRemembered;
  where: Whereabouts;
  gpus: IGpus | null;
  /** Why nothing can be started at the moment, such as that no engine answers. */
  problem: IProblem | null;
  trans: TranslationBundle;
}

/** How many of the GPUs that a notebook had it can have here. */
export function gpusHere(remembered: IRemembered, gpus: IGpus | null): number {
  if (!gpus) {
    return remembered.gpus;
  }
  const there = allocatable(gpus.gpus).length;
  return Math.min(remembered.gpus, there, gpus.max_per_kernel ?? there);
}

/** What the banner says and offers. */
export function offer(options: IOfferOptions): NotebookBanner.IContent {
  const { remembered, where, trans } = options;
  const { image } = remembered;
  const count = gpuCount(trans, remembered.gpus);
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

/** Facts that are known without asking a registry, in one line. */
function factsOf(options: IOfferOptions): string {
  const { gpus, remembered, trans, where } = options;
  const subject = where.kind === 'away' ? where.entry : where.image;
  const facts = subject
    ? chipsOf(trans, subject).map(({ text }) => text)
    : [trans.__('Not on this machine')];
  const count = gpusHere(remembered, gpus);
  if (count < remembered.gpus) {
    facts.push(trans.__('Here: %1', gpuCount(trans, count)));
  }
  return facts.join(' · ');
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
