// Kernels that nobody uses, in words.
import { TranslationBundle } from '@jupyterlab/translation';
import { formatTime } from './clock';
import { isFinal } from './launches';
import { IIdleness, ILaunch } from '../client/wire';

/** Characters of a name in a notification, of which JupyterLab shows 140 in all. */
const NAME = 36;

/** That a kernel will be stopped, when and why; times are first, should the end be cut off. */
export function idleWarning(
  trans: TranslationBundle,
  language: string,
  name: string,
  launch: ILaunch,
  idle: IIdleness
): string {
  const called = inSentence(name);
  const stop = formatTime(language, idle.stop_at);
  const since = formatTime(language, idle.since);
  return launch.gpus.length === 0
    ? trans.__(
        'The kernel of %1 will be stopped at %2: nothing has run since %3.',
        called,
        stop,
        since
      )
    : trans._n(
        'The kernel of %2 will be stopped at %3: nothing has run since %4 and its GPU is idle.',
        'The kernel of %2 will be stopped at %3: nothing has run since %4 and its %1 GPUs are idle.',
        launch.gpus.length,
        called,
        stop,
        since
      );
}

/** The idleness of a kernel that runs; null where it is in use, or has ended. */
export function idleness(launch: ILaunch): IIdleness | null {
  // a server that was not updated yet tells nothing of it
  return launch.phase === 'running' ? (launch.idle ?? null) : null;
}

/** Whether a kernel has ended because nobody used it. */
export function wasCulled(launch: ILaunch): boolean {
  return isFinal(launch.phase) && launch.error?.code === 'culled';
}

/**
 * A name of any kind as part of a sentence: in one line, without what turns the direction of the
 * text around, and short enough; of a file's name the ending stays.
 */
export function inSentence(name: string): string {
  const plain = name
    .replace(
      /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gu,
      ' '
    )
    .trim();
  const characters = [...plain];
  return characters.length <= NAME
    ? plain
    : [...characters.slice(0, NAME - 13), '…', ...characters.slice(-12)].join(
        ''
      );
}
