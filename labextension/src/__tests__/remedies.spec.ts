// What can be done about each failure.
/* eslint jupyter/no-untranslated-string: off -- what is expected, in English */
import { IRemedyFacts, REMEDIES, remedyFor } from '../model/remedies';
import { IEnvironment, ILaunch } from '../client/wire';
import codes from './codes.json';
import { makeLaunch } from './fakes';
import { GIB, trans } from './screen';

const ENVIRONMENT: IEnvironment = {
  name: 'pytorch-1gpu',
  display_name: 'PyTorch 25.08 · 1 GPU',
  reference: 'nvcr.io/nvidia/pytorch:25.08-py3',
  image_id: 'sha256:1',
  kernel: 'python3',
  gpus: 1,
  gpu_profile: null,
  gpu_uuids: [],
  memory: 8 * GIB,
  shm_size: null,
  network: null,
  idle_timeout: null,
  mounts: null,
  problem: null
};

const FACTS: IRemedyFacts = {
  environments: [ENVIRONMENT],
  limits: {
    memory: { default: null, max: 64 * GIB },
    shm_size: { default: 4 * GIB, max: null },
    gpus: { max: null },
    mounts: [],
    networks: [],
    ram: null
  }
};

const IMAGE = 'nvcr.io/nvidia/pytorch:25.08-py3';
const FAILED = makeLaunch('failed', { image: IMAGE, path: 'work/train.ipynb' });
const RAN: ILaunch = {
  ...FAILED,
  phases: [...makeLaunch('running').phases, ...FAILED.phases.slice(-1)]
};

function said(code: string, launch = FAILED, facts = FACTS) {
  return remedyFor(trans, { code }, launch, facts);
}

describe('remedyFor', () => {
  it('offers more memory, as much again', () => {
    expect(said('out_of_memory', RAN)).toEqual({
      label: 'Restart with 16 GB RAM',
      command: 'gpu-containers:launch',
      args: {
        path: 'work/train.ipynb',
        image: IMAGE,
        kernel: 'python3',
        gpus: 1,
        memory: 16 * GIB
      }
    });
  });

  it('offers no more than there may be', () => {
    const most = [{ ...ENVIRONMENT, memory: 40 * GIB }];
    const label = said('out_of_memory', RAN, { ...FACTS, environments: most });
    expect(label?.label).toBe('Restart with 64 GB RAM');
    const all = [{ ...ENVIRONMENT, memory: 64 * GIB }];
    expect(
      said('out_of_memory', RAN, { ...FACTS, environments: all })
    ).toMatchObject({
      label: 'Start again',
      args: { environment: 'pytorch-1gpu' }
    });
  });

  it('offers more shared memory, and keeps all else', () => {
    const chosen = {
      ...ENVIRONMENT,
      gpus: 2,
      gpu_uuids: ['GPU-1', 'GPU-2'],
      mounts: ['data']
    };
    expect(
      said('shared_memory_full', RAN, { ...FACTS, environments: [chosen] })
    ).toEqual({
      label: 'Restart with 8 GB shared memory',
      command: 'gpu-containers:launch',
      args: {
        path: 'work/train.ipynb',
        image: IMAGE,
        kernel: 'python3',
        gpu_uuids: ['GPU-1', 'GPU-2'],
        memory: 8 * GIB,
        mounts: ['data'],
        shm_size: 8 * GIB
      }
    });
  });

  it('asks where a launch could not say all that the environment says', () => {
    for (const more of [{ network: 'none' as const }, { idle_timeout: 600 }]) {
      const environments = [{ ...ENVIRONMENT, ...more }];
      expect(
        said('shared_memory_full', RAN, { ...FACTS, environments })
      ).toEqual({
        label: 'Restart with more shared memory…',
        command: 'gpu-containers:select-environment',
        args: {
          path: 'work/train.ipynb',
          image: IMAGE,
          gpus: 1,
          shmSize: 8 * GIB
        }
      });
    }
    const nothing = { environments: null, limits: null };
    expect(said('out_of_memory', RAN, nothing)).toMatchObject({
      label: 'Restart with more RAM…',
      args: { memory: 16 * GIB }
    });
  });

  it('shows images that run here', () => {
    for (const code of ['requirement_not_met', 'wrong_architecture']) {
      expect(said(code)).toEqual({
        label: 'Show images that run here',
        command: 'gpu-containers:select-environment',
        args: { path: 'work/train.ipynb', filter: 'runs-here' }
      });
    }
    // whose kernel never answered has nothing to be restarted
    expect(said('kernel_exited')?.label).toBe('Show images that run here');
    expect(said('kernel_exited', RAN)).toEqual({
      label: 'Restart',
      command: 'gpu-containers:restart',
      args: { id: 'l1' }
    });
  });

  it('logs in, and fetches', () => {
    expect(said('registry_unauthorized')).toEqual({
      label: 'Log in to nvcr.io',
      command: 'gpu-containers:login',
      args: { host: 'nvcr.io' }
    });
    expect(said('image_not_found')).toEqual({
      label: 'Get the image…',
      command: 'gpu-containers:add-image',
      args: { reference: IMAGE }
    });
  });

  it('tries again, with the environment or what was asked for', () => {
    expect(said('kernel_timeout')?.args).toEqual({
      path: 'work/train.ipynb',
      environment: 'pytorch-1gpu'
    });
    const refused = { ...FAILED, environment: '' };
    expect(said('queue_full', refused)).toMatchObject({
      label: 'Try again',
      args: { image: IMAGE }
    });
    expect(said('queue_full', { ...refused, image: '' })).toBeNull();
  });

  it('offers nothing where nothing of ours helps', () => {
    expect(said('stopped_by', RAN)).toBeNull();
    expect(said('internal_error')).toBeNull();
    expect(said('of_a_later_server')).toBeNull();
  });
});

describe('every code of the server half with which a launch ends', () => {
  // tests/model/test_errors.py holds this list against the server half
  const own = ['launch_lost', 'no_answer', 'unexpected'];

  it('has a remedy, or a decided none', () => {
    const decided = Object.keys(REMEDIES).sort();
    expect(decided).toEqual([...codes.launches, ...own].sort());
  });

  it('can be acted upon', () => {
    for (const code of Object.keys(REMEDIES)) {
      const remedy = said(code, RAN);
      expect(remedy === null).toBe(REMEDIES[code] === 'none');
      expect(remedy?.label).not.toBe('');
    }
  });
});
