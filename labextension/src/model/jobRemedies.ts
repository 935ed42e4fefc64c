// What can be done about a pull, push, build or commit that failed: one thing, the most fitting.
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandIDs } from '../commands/commandIds';
import { IJob } from '../client/wireImages';
import { IRemedy, REMEDIES, remedyFor } from './remedies';

/** Nothing else is known of what jobs are about. */
const FACTS = { environments: null, limits: null };

/** What can be done about it; null where nothing of ours helps. */
export function jobRemedy(trans: TranslationBundle, job: IJob): IRemedy | null {
  const { error, id, kind, reference } = job;
  if (!error) {
    return null;
  }
  switch (REMEDIES[error.code]) {
    case 'login':
      if (kind === 'build') {
        // what it builds on may come from any registry
        return {
          label: trans.__('Log In…'),
          command: CommandIDs.login,
          args: {}
        };
      }
      break;
    case 'get-image':
      if (kind !== 'pull') {
        return null;
      }
      break;
    case 'make-room':
      break;
    case 'try-again':
      return jobAgain(trans, job);
    default:
      return null;
  }
  const what = { environment: '', gpus: [], path: '', phases: [] };
  const subject = { ...what, id, image: reference, phase: 'failed' as const };
  return remedyFor(trans, error, subject, FACTS);
}

/** To ask for the same once more; null where what went into it is not known any more. */
export function jobAgain(
  trans: TranslationBundle,
  { kind, reference }: Pick<IJob, 'kind' | 'reference'>
): IRemedy | null {
  return kind === 'pull' || kind === 'push'
    ? {
        label: trans.__('Try again'),
        command: CommandIDs[kind],
        args: { reference }
      }
    : null;
}
