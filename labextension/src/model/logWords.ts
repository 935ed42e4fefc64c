// What is said of a log. Pure.
import { TranslationBundle } from '@jupyterlab/translation';
import { ILaunch } from '../client/wire';
import { isFinal } from './launches';
import { LogModel } from './logModel';

/** The lines that contain a text, in whatever case. */
export function matching(
  lines: readonly string[],
  wanted: string
): readonly string[] {
  const text = wanted.toLowerCase();
  return text === ''
    ? lines
    : lines.filter(line => line.toLowerCase().includes(text));
}

/** How many lines are shown, and what else there is to know of them. */
export function statusOf(
  trans: TranslationBundle,
  model: Pick<LogModel, 'state' | 'lines' | 'dropped'>,
  shown: number
): string {
  const total = model.lines.length;
  if (model.state === 'waiting') {
    return trans.__('Loading…');
  }
  if (total === 0) {
    return trans.__('Nothing was written yet.');
  }
  if (shown < total) {
    return trans._n('%2 of %1 line', '%2 of %1 lines', total, shown);
  }
  return model.dropped > 0
    ? trans._n('The last line', 'The last %1 lines', total)
    : trans._n('%1 line', '%1 lines', total);
}

/** Why a log ended. */
export function endOf(
  trans: TranslationBundle,
  launch: ILaunch | undefined
): string {
  if (!launch) {
    return trans.__('The log has ended: the kernel is gone.');
  }
  if (launch.error) {
    return trans.__('The log has ended. %1', launch.error.message);
  }
  return isFinal(launch.phase)
    ? trans.__('The log has ended: the kernel was shut down.')
    : trans.__(
        'The log has ended: the kernel has stopped or was restarted. “Follow” reads on.'
      );
}
