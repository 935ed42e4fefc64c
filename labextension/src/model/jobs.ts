// Pure questions about jobs.
import { TranslationBundle } from '@jupyterlab/translation';
import { formatSize, formatDuration, formatTransfer } from './format';
import { IProblem } from '../client/wire';
import { IJob } from '../client/wireImages';

/** What a job is called: "Pull of nvcr.io/nvidia/pytorch:25.08-py3". */
export function jobTitle(trans: TranslationBundle, job: IJob): string {
  const { kind, reference } = job;
  switch (kind) {
    case 'pull':
      return trans.__('Pull of %1', reference);
    case 'push':
      return trans.__('Push of %1', reference);
    case 'build':
      return trans.__('Build of %1', reference);
    case 'commit':
      return trans.__('Saving of %1', reference);
  }
}

/** The step of a build that is under way: "[2/5] RUN make". */
export function stepText({ steps }: IJob): string {
  const own = steps.filter(({ id }) => id);
  const step = own.find(({ done }) => !done) ?? steps[0];
  return step ? (step.id ? `[${step.id}] ` : '') + step.status : '';
}

/** Whether nothing more will happen. */
export function hasEnded({ state }: IJob): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled';
}

/** Whether an answer, which may be older than an event, tells more of a job than `known`. */
export function isFresher(known: IJob | undefined, answer: IJob): boolean {
  if (!known || hasEnded(answer)) {
    return !known || !hasEnded(known);
  }
  const hasBegun = answer.state === 'running' || known.state === 'queued';
  return !hasEnded(known) && hasBegun && answer.current >= known.current;
}

/** Whether a job failed for want of a login. */
export function wantsLogin(code: string | undefined): boolean {
  return code === 'registry_unauthorized' || code === 'registry_forbidden';
}

/** A problem beside a form that asks for the login: the hint names a command that does the same. */
export function withoutHint(problem: IProblem): IProblem {
  const isMended = problem.code === 'registry_unauthorized';
  return isMended ? { ...problem, hint: '' } : problem;
}

/** The share that is done, from 0 to 1; null where the total is not known. */
export function fraction({ current, total }: IJob): number | null {
  return total ? Math.min(current / total, 1) : null;
}

/** How many parts are done, of those that are known. */
export function layersDone({ steps }: IJob): { done: number; all: number } {
  const layers = steps.filter(({ id }) => id);
  return { done: layers.filter(({ done }) => done).length, all: layers.length };
}

/** How a job gets on: "1.2 of 4.5 GB · 45 MB/s · 1 min left". Says only what is known. */
export function progressText(trans: TranslationBundle, job: IJob): string {
  const { current, eta, kind, speed, state, total } = job;
  if (state === 'queued') {
    return trans.__('Waiting');
  }
  if (kind === 'build' || kind === 'commit') {
    return stepText(job) || trans.__('Preparing');
  }
  if (total !== null && current >= total) {
    return kind === 'pull' ? trans.__('Unpacking') : trans.__('Finishing');
  }
  if (total === null && current === 0) {
    return kind === 'pull'
      ? trans.__('Asking the registry')
      : trans.__('Preparing');
  }
  const facts = [
    total === null
      ? formatSize(current)
      : formatTransfer(trans, current, total),
    speed ? trans.__('%1/s', formatSize(speed)) : '',
    eta === null ? '' : trans.__('%1 left', formatDuration(trans, eta))
  ];
  return facts.filter(Boolean).join(' · ');
}

/** Newest first. */
export function byAge(a: IJob, b: IJob): number {
  return (Date.parse(b.created) || 0) - (Date.parse(a.created) || 0);
}
