// Verdicts in words.
import { TranslationBundle } from '@jupyterlab/translation';
import {
  ICatalogueEntry,
  IReason,
  IVerdict,
  Rating,
  Severity
} from '../client/wireImages';

/** A verdict in two or three words, the same wherever an image is shown. */
export function ratingLabel(trans: TranslationBundle, rating: Rating): string {
  switch (rating) {
    case 'compatible':
      return trans.__('Runs here');
    case 'likely':
      return trans.__('Should run here');
    case 'unverified':
      return trans.__('May not run here');
    case 'incompatible':
      return trans.__('Does not run here');
    case 'gpu-broken':
      return trans.__('GPU does not work');
    case 'cpu':
      return trans.__('Needs no GPU');
  }
}

/** A verdict in a sentence. */
export function ratingSentence(
  trans: TranslationBundle,
  rating: Rating
): string {
  switch (rating) {
    case 'compatible':
      return trans.__('This image runs on the GPUs of this machine.');
    case 'likely':
      return trans.__('This image should run on the GPUs of this machine.');
    case 'unverified':
      return trans.__(
        'The image does not say what it needs, so it may not run.'
      );
    case 'incompatible':
      return trans.__('This image does not run on this machine.');
    case 'gpu-broken':
      return trans.__('The GPUs of this machine cannot be used at the moment.');
    case 'cpu':
      return trans.__('This image needs no GPU.');
  }
}

/** What a reason does to its verdict, as a sign of a shape of its own. */
export function severitySign(severity: Severity): string {
  return { info: 'ℹ', ok: '✓', warning: '⚠', problem: '✗' }[severity];
}

/** What a reason does to its verdict. */
export function severityLabel(
  trans: TranslationBundle,
  severity: Severity
): string {
  switch (severity) {
    case 'info':
      return trans.__('Information');
    case 'ok':
      return trans.__('Fits');
    case 'warning':
      return trans.__('Not certain');
    case 'problem':
      return trans.__('Does not fit');
  }
}

/** What a verdict rests on: what holds for all GPUs, then what holds for one, each sentence once. */
export function allReasons(verdict: IVerdict): IReason[] {
  const reasons = [
    ...verdict.reasons,
    ...verdict.gpus.flatMap(({ reasons }) => reasons)
  ];
  const seen = new Set<string>();
  return reasons.filter(({ message }) => {
    const isNew = !seen.has(message);
    seen.add(message);
    return isNew;
  });
}

/** A verdict with its reasons, as text to hover over. */
export function verdictTip(
  trans: TranslationBundle,
  verdict: IVerdict
): string {
  const sentence = ratingSentence(trans, verdict.verdict);
  return [sentence, ...allReasons(verdict).map(({ message }) => message)].join(
    '\n'
  );
}

/**
 * Whether people are to be warned before an image is started or pulled.
 *
 * @param gpus - how many are asked for; without one, only the machine itself can be wrong
 */
export function needsWarning(
  verdict: IVerdict | null | undefined,
  gpus = 1
): boolean {
  if (!verdict) {
    return false;
  }
  if (gpus === 0) {
    return verdict.reasons.some(({ code }) => code === 'wrong_architecture');
  }
  return verdict.verdict === 'incompatible' || verdict.verdict === 'gpu-broken';
}

/** Whether an image is known to run here: without doubt, and not merely not judged yet. */
export function isKnownToRun(verdict: IVerdict | null | undefined): boolean {
  const known: Rating[] = ['compatible', 'likely', 'cpu'];
  return verdict ? known.includes(verdict.verdict) : false;
}

/** Why an image may not run here, or does not, in a sentence; null where it does. */
export function whyNot(
  trans: TranslationBundle,
  verdict: IVerdict | null | undefined
): string | null {
  if (!verdict || isKnownToRun(verdict)) {
    return null;
  }
  const reasons = allReasons(verdict);
  const telling =
    reasons.find(({ severity }) => severity === 'problem') ??
    reasons.find(({ severity }) => severity === 'warning') ??
    reasons[0];
  return telling?.message ?? ratingSentence(trans, verdict.verdict);
}

/**
 * The version of a recommended image that is offered first: the newest, unless only an older one
 * runs here.
 */
export function versionOf(entry: ICatalogueEntry): string {
  const { reference, runs_here, verdict } = entry;
  return needsWarning(verdict) && runs_here ? runs_here : reference;
}
