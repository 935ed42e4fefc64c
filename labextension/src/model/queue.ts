// The queue for GPUs in words.
import { TranslationBundle } from '@jupyterlab/translation';
import { formatDuration, phaseLabel } from './format';
import { ILaunch, IQueuePlace } from '../client/wire';

/** Holders that are named; the others are counted. */
const NAMED = 3;

/** What a launch is doing: its phase, or its place in the queue. */
export function launchLabel(trans: TranslationBundle, launch: ILaunch): string {
  return launch.queue
    ? placeLabel(trans, launch.queue)
    : phaseLabel(trans, launch.phase);
}

/** Where a launch stands in the queue. */
export function placeLabel(
  trans: TranslationBundle,
  { position }: IQueuePlace
): string {
  return position === 1
    ? trans.__('Waiting for a GPU, next in line')
    : trans.__('Waiting for a GPU, %1 in line', ordinal(position));
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

/** 2nd, 3rd, 11th: English alone; translations get the number in the same place. */
function ordinal(position: number): string {
  const suffixes: Record<string, string> = { one: 'st', two: 'nd', few: 'rd' };
  const rule = new Intl.PluralRules('en', { type: 'ordinal' }).select(position);
  return `${position}${suffixes[rule] ?? 'th'}`;
}
