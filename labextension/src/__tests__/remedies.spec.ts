// What can be done about each failure.
import { existsSync, readFileSync, readdirSync, statSync } from 'fs';
import { join } from 'path';
import { IRemedyFacts, REMEDIES, remedyFor } from '../model/remedies';
import { IEnvironment, ILaunch } from '../client/wire';
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
    networks: []
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
      label: 'Restart with 16 GiB memory',
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
    expect(label?.label).toBe('Restart with 64 GiB memory');
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
      label: 'Restart with 8 GiB shared memory',
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
      label: 'Restart with more memory…',
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

const PACKAGE = join(__dirname, '../../../jupyter_gpu_containers');

/** All codes that the server half knows. */
function codes(folder: string): Set<string> {
  const found = new Set<string>();
  const patterns = [
    /\bcode: ClassVar\[str\] = "([a-z_]+)"/g,
    /\bcode = "([a-z_]+)"/g,
    /\bcode="([a-z_]+)"/g,
    /\bProblem\(\s*"([a-z_]+)"/g
  ];
  const look = (path: string) => {
    for (const name of readdirSync(path)) {
      const child = join(path, name);
      if (statSync(child).isDirectory()) {
        look(child);
      } else if (name.endsWith('.py')) {
        const text = readFileSync(child, 'utf8');
        for (const pattern of patterns) {
          [...text.matchAll(pattern)].forEach(([, code]) => found.add(code));
        }
      }
    }
  };
  look(folder);
  return found;
}

/** Codes that no launch ends with: of jobs, of other requests, of warnings, of the machine. */
const NOT_OF_LAUNCHES = new Set([
  'build_context_too_large',
  'build_failed',
  'build_in_progress',
  'buildkit_missing',
  'commit_in_progress',
  'dockerfile_missing',
  'environment_exists',
  'image_in_use',
  'job_not_found',
  'launch_not_found',
  'login_in_address',
  'not_waiting',
  'terminals_unavailable',
  // bases of others, which are never raised themselves
  'conflict',
  'not_found',
  // a container that is gone is "removed" to a launch
  'container_not_found',
  'kernel_not_running',
  // warnings: the kernel runs on
  'child_out_of_memory',
  'gpu_access_lost',
  'requirement_waived',
  'run_time_ends',
  // of the machine: shown in the panel and by `doctor`
  'cdi_outdated',
  'driver_library_mismatch',
  'gpu_failed',
  'gpu_too_new',
  'mig_without_instances',
  'no_gpu',
  'nvml_error',
  'nvml_slow',
  'run_dir_not_writable'
]);

describe('every code of the server half', () => {
  const known = existsSync(PACKAGE) ? codes(PACKAGE) : new Set<string>();

  it('was found', () => {
    expect(known.size).toBeGreaterThan(70);
    expect(known).toContain('out_of_memory');
    expect(known).toContain('policy_registry');
    expect(known).toContain('host_rebooted');
  });

  it('has a remedy or a decided none, unless no launch ends with it', () => {
    const decided = new Set([...Object.keys(REMEDIES), ...NOT_OF_LAUNCHES]);
    expect([...known].filter(code => !decided.has(code)).sort()).toEqual([]);
  });

  it('is not decided on twice, nor made up', () => {
    const both = Object.keys(REMEDIES).filter(code =>
      NOT_OF_LAUNCHES.has(code)
    );
    expect(both).toEqual([]);
    // these two are the page's own
    const own = ['launch_lost', 'no_answer', 'unexpected'];
    const strange = [...Object.keys(REMEDIES), ...NOT_OF_LAUNCHES].filter(
      code => !known.has(code) && !own.includes(code)
    );
    expect(strange).toEqual([]);
  });
});
