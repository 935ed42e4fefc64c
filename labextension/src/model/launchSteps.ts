// The steps of a start, as people count them: check, download, start the container, wait for the kernel.
import { TranslationBundle } from '@jupyterlab/translation';
import { isFinal } from './launches';
import { placeLabel, pullLabel } from './queue';
import { ILaunch, Phase } from '../client/wire';

/** One step. */
export interface IStep {
  kind: 'check' | 'download' | 'wait' | 'create' | 'answer';
  state: 'done' | 'current' | 'failed' | 'todo';
  /** What was done, how it gets on, or what is to be done. */
  label: string;
  /** How long it took, or takes so far; null where it has not begun. */
  seconds: number | null;
}

const KINDS: Partial<Record<Phase, IStep['kind']>> = {
  queued: 'check',
  pulling: 'download',
  waiting: 'wait',
  creating: 'create',
  starting: 'answer'
};

const ORDER: IStep['kind'][] = [
  'check',
  'download',
  'wait',
  'create',
  'answer'
];

/**
 * The steps of a launch; of one whose kernel was restarted, those of the last start.
 *
 * @param now - milliseconds since the epoch
 */
export function stepsOf(
  trans: TranslationBundle,
  launch: ILaunch,
  now: number
): readonly IStep[] {
  const phases = lastStart(launch);
  const seconds = new Map<IStep['kind'], number>();
  phases.forEach(({ phase, at }, index) => {
    const kind = KINDS[phase];
    if (kind) {
      const begin = Date.parse(at);
      const next = phases[index + 1];
      const end = next ? Date.parse(next.at) : Math.max(now, begin);
      seconds.set(kind, (seconds.get(kind) ?? 0) + (end - begin) / 1000);
    }
  });
  const { phase } = phases[phases.length - 1] ?? launch;
  const isOver = isFinal(phase);
  const last = isOver ? phases[phases.length - 2]?.phase : phase;
  const reached = last && KINDS[last];
  // a restart begins in the container that is there
  const isRestart = phases.length > 0 && phases[0].phase === 'starting';
  const kinds = ORDER.filter(
    kind =>
      seconds.has(kind) ||
      (!isRestart && (kind === 'create' || kind === 'answer'))
  );
  return kinds.map(kind => {
    const state =
      kind === reached
        ? isOver
          ? 'failed'
          : 'current'
        : seconds.has(kind)
          ? 'done'
          : 'todo';
    const label = {
      done,
      current: doing,
      failed: doing,
      todo: toDo
    }[state](trans, kind, launch);
    return { kind, state, label, seconds: seconds.get(kind) ?? null };
  });
}

/** Seconds from the beginning of a launch's last start until its end, or until now. */
export function startTime(launch: ILaunch, now: number): number {
  const phases = lastStart(launch);
  const begin = Date.parse(phases[0]?.at ?? '');
  const last = phases[phases.length - 1];
  const isOver = last && (last.phase === 'running' || isFinal(last.phase));
  const end = isOver ? Date.parse(last.at) : now;
  return Math.max(0, (end - begin) / 1000) || 0;
}

/** What a start does just now, in a few words: for buttons and rows. */
export function startLabel(
  trans: TranslationBundle,
  launch: ILaunch | null
): string {
  if (launch?.queue) {
    return placeLabel(trans, launch.queue);
  }
  if (launch?.phase === 'pulling') {
    return pullLabel(trans, launch.pull);
  }
  return trans.__('Starting');
}

/** The phases from the last beginning on, up to the answer or the failure. */
function lastStart({ phases }: ILaunch): ILaunch['phases'] {
  const answers = phases.flatMap(({ phase }, index) =>
    phase === 'running' ? [index] : []
  );
  const last = answers[answers.length - 1] ?? -1;
  const later = withoutEnd(phases.slice(last + 1));
  if (later.length > 0 || last < 0) {
    return later;
  }
  // it runs, or has run: how it came to that
  const before = answers[answers.length - 2] ?? -1;
  return withoutEnd(phases.slice(before + 1, last + 1));
}

/** The end of a run is no step of the next. */
function withoutEnd(phases: ILaunch['phases']): ILaunch['phases'] {
  const begin = phases.findIndex(({ phase }) => !isFinal(phase));
  return begin < 0 ? [] : phases.slice(begin);
}

function doing(
  trans: TranslationBundle,
  kind: IStep['kind'],
  launch: ILaunch
): string {
  switch (kind) {
    case 'check':
      return trans.__('Checking');
    case 'download':
      return pullLabel(trans, launch.pull);
    case 'wait':
      return launch.queue
        ? placeLabel(trans, launch.queue)
        : trans.__('Waiting for GPUs');
    case 'create':
      return trans.__('Starting the container');
    case 'answer':
      return trans.__('Waiting for the kernel’s answer');
  }
}

function done(
  trans: TranslationBundle,
  kind: IStep['kind'],
  { gpus }: ILaunch
): string {
  switch (kind) {
    case 'check':
      return trans.__('Checked');
    case 'download':
      return trans.__('Downloaded');
    case 'wait':
      return gpus.length === 0
        ? trans.__('Waited for GPUs')
        : trans._n('Waited for a GPU', 'Waited for %1 GPUs', gpus.length);
    case 'create':
      return trans.__('Container started');
    case 'answer':
      return trans.__('Kernel answered');
  }
}

/** Only what every start has is known to be still to come. */
function toDo(trans: TranslationBundle, kind: IStep['kind']): string {
  return kind === 'answer'
    ? trans.__('Start the kernel')
    : trans.__('Start the container');
}
