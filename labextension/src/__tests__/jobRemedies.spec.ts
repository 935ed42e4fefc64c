// The one thing to do about a job that failed.
import { CommandIDs } from '../commands/commandIds';
import { jobAgain, jobRemedy } from '../model/jobRemedies';
import { JobKind } from '../client/wireImages';
import { makeJob } from './fakes';
import { trans } from './screen';

const reference = 'nvcr.io/nvidia/pytorch:25.08-py3';

function remedy(kind: JobKind, code: string) {
  const error = { code, message: 'No.', hint: '' };
  const job = makeJob({ kind, reference, state: 'failed', error });
  const found = jobRemedy(trans, job);
  return found && [found.label, found.command, found.args];
}

describe('jobRemedy', () => {
  const login = [
    'Log in to nvcr.io',
    CommandIDs.login,
    { host: 'nvcr.io' }
  ] as const;

  it.each([
    ['pull', 'registry_unauthorized', login],
    ['push', 'registry_forbidden', login],
    // its base may be in any registry
    ['build', 'registry_unauthorized', ['Log In…', CommandIDs.login, {}]],
    [
      'pull',
      'tag_unknown',
      ['Get the image…', CommandIDs.addImage, { reference }]
    ],
    ['push', 'image_not_found', null],
    ['pull', 'transfer_stalled', ['Try again', CommandIDs.pull, { reference }]],
    ['push', 'engine_error', ['Try again', CommandIDs.push, { reference }]],
    ['build', 'engine_error', null],
    [
      'commit',
      'disk_full',
      ['Show images to remove', CommandIDs.openPanel, {}]
    ],
    ['build', 'build_failed', null],
    ['pull', 'out_of_memory', null],
    ['pull', 'policy_registry', null],
    ['pull', 'constructor', null]
  ] as const)('of a %s with %s', (kind, code, expected) => {
    expect(remedy(kind, code)).toEqual(expected);
  });

  it('is nothing where nothing went wrong', () => {
    expect(jobRemedy(trans, makeJob())).toBeNull();
    expect(jobAgain(trans, { kind: 'commit', reference })).toBeNull();
  });
});
