// The queue for GPUs in words.
import { TranslationBundle } from '@jupyterlab/translation';
import { formatDuration, formatTransfer, phaseLabel } from './format';
import { ILaunch, IPullProgress, IQueuePlace } from '../client/wire';

/** Holders that are named; the others are counted. */
const NAMED = 3;

/** 2nd, 3rd, 11th. */
const ORDINALS = new Intl.PluralRules('en', { type: 'ordinal' });

/** What a launch is doing: its phase, its place in the queue, or how its download gets on. */
export function launchLabel(trans: TranslationBundle, launch: ILaunch): string {
  if (launch.phase === 'pulling') {
    return pullLabel(trans, launch.pull);
  }
  return launch.queue
    ? placeLabel(trans, launch.queue)
    : phaseLabel(trans, launch.phase);
}

/** How a download gets on: "Downloading 3.1 of 8.9 GB · 4 min left". */
export function pullLabel(
  trans: TranslationBundle,
  pull: IPullProgress | null
): string {
  if (!pull || pull.total === null) {
    return trans.__('Downloading');
  }
  if (pull.current >= pull.total) {
    return trans.__('Unpacking the image');
  }
  const share = formatTransfer(trans, pull.current, pull.total);
  return pull.eta === null
    ? trans.__('Downloading %1', share)
    : trans.__(
        'Downloading %1 · %2 left',
        share,
        formatDuration(trans, pull.eta)
      );
}

/** Where a launch stands in the queue. */
export function placeLabel(
  trans: TranslationBundle,
  { gpus, position }: IQueuePlace
): string {
  if (position === 1) {
    return trans._n(
      'Waiting for a GPU, next in line',
      'Waiting for %1 GPUs, next in line',
      gpus
    );
  }
  // which of the four it is, English says; in other languages they may be the same
  switch (ORDINALS.select(position)) {
    case 'one':
      return trans._n(
        'Waiting for a GPU, %2st in line',
        'Waiting for %1 GPUs, %2st in line',
        gpus,
        position
      );
    case 'two':
      return trans._n(
        'Waiting for a GPU, %2nd in line',
        'Waiting for %1 GPUs, %2nd in line',
        gpus,
        position
      );
    case 'few':
      return trans._n(
        'Waiting for a GPU, %2rd in line',
        'Waiting for %1 GPUs, %2rd in line',
        gpus,
        position
      );
    default:
      return trans._n(
        'Waiting for a GPU, %2th in line',
        'Waiting for %1 GPUs, %2th in line',
        gpus,
        position
      );
  }
}

/** Who has the GPUs, and how long it takes at most where that is known. */
export function placeDetails(
  trans: TranslationBundle,
  { estimate, holders }: IQueuePlace
): string {
  const named = holders.slice(0, NAMED).join(', ');
  const more = holders.length - NAMED;
  const parts = [
    more > 0
      ? trans.__('The GPUs are held by %1 and %2 more.', named, more)
      : named && trans.__('The GPUs are held by %1.', named),
    estimate !== null &&
      trans.__('It starts in %1 at most.', formatDuration(trans, estimate))
  ];
  return parts.filter(Boolean).join(' ');
}
