// What can be done about a start that failed or a kernel that died: one thing, the most fitting.
import { TranslationBundle } from '@jupyterlab/translation';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { CommandIDs } from '../commands/commandIds';
import { formatMemory } from './format';
import { hasRun } from './launches';
import { registryHost } from './references';
import { IEnvironment, ILaunch, ILimits, IProblem } from '../client/wire';

/** Something that can be done: a command. */
export interface IRemedy {
  label: string;
  command: string;
  args: ReadonlyPartialJSONObject;
}

/** What is known of the server, as far as it is. */
export interface IRemedyFacts {
  environments: readonly IEnvironment[] | null;
  limits: ILimits | null;
}

/** Where they come from. */
export interface IRemedySource extends IRemedyFacts {
  refresh(): Promise<void>;
  loadLimits(): Promise<void>;
}

/** Load what remedies need to know and is not known yet; returns whether there was anything. */
export async function loadFacts(source: IRemedySource): Promise<boolean> {
  if (source.environments && source.limits) {
    return false;
  }
  await Promise.allSettled([
    source.environments ? null : source.refresh(),
    source.loadLimits()
  ]);
  return true;
}

/** What was being started. */
export type RemedySubject = Pick<
  ILaunch,
  'id' | 'environment' | 'gpus' | 'image' | 'path' | 'phases' | 'phase'
>;

/** The kinds of things that can be done. */
export type RemedyKind =
  | 'memory'
  | 'shared-memory'
  | 'gpus'
  | 'another-image'
  | 'another-environment'
  | 'get-image'
  | 'login'
  | 'make-room'
  | 'restart'
  | 'start-again'
  | 'try-again'
  | 'none';

const GIB = 1024 ** 3;
/** Shared memory that is offered where the present one was full. */
const SHM_SIZE = 8 * GIB;
/** What is offered where it is not known how much there was. */
const MEMORY = 16 * GIB;

/** Decided for every code that a launch can end with; others are none of a launch's. */
export const REMEDIES: Readonly<Record<string, RemedyKind>> = {
  // how kernels die
  out_of_memory: 'memory',
  shared_memory_full: 'shared-memory',
  kernel_exited: 'restart',
  kernel_signalled: 'restart',
  pids_limit: 'restart',
  engine_restarted: 'restart',
  gpu_lost: 'start-again',
  container_removed: 'start-again',
  evicted: 'start-again',
  host_rebooted: 'start-again',
  kernel_ended_unattended: 'start-again',
  kernel_not_recovered: 'start-again',
  server_ended: 'start-again',
  culled: 'start-again',
  policy_run_time: 'start-again',
  not_attached: 'start-again',
  launch_lost: 'start-again',
  // starts
  kernel_start_failed: 'try-again',
  kernel_timeout: 'try-again',
  gpu_vanished: 'try-again',
  gpus_busy: 'try-again',
  queue_full: 'try-again',
  unavailable: 'try-again',
  engine_unreachable: 'try-again',
  engine_error: 'try-again',
  no_answer: 'try-again',
  not_enough_gpus: 'gpus',
  no_such_gpu: 'gpus',
  policy_gpus: 'gpus',
  disk_full: 'make-room',
  wrong_architecture: 'another-image',
  requirement_not_met: 'another-image',
  kernel_not_in_image: 'another-image',
  runtime_unavailable: 'another-image',
  runtime_not_found: 'another-image',
  invalid_image_reference: 'another-image',
  environment_not_found: 'another-environment',
  policy: 'another-environment',
  policy_carry: 'another-environment',
  policy_image: 'another-environment',
  policy_kernels: 'another-environment',
  policy_memory: 'another-environment',
  ram_exceeded: 'another-environment',
  policy_network: 'another-environment',
  policy_registry: 'another-environment',
  data_mount_unknown: 'another-environment',
  // images
  image_not_found: 'get-image',
  environment_image_missing: 'get-image',
  tag_unknown: 'get-image',
  registry_unauthorized: 'login',
  registry_forbidden: 'login',
  registry_error: 'try-again',
  registry_unreachable: 'try-again',
  registry_rate_limited: 'try-again',
  transfer_stalled: 'try-again',
  wrong_digest: 'try-again',
  // only an administrator, or whoever looks after the server, can help; the hint says how
  engine_permission: 'none',
  policy_invalid: 'none',
  profile_mismatch: 'none',
  data_mount_invalid: 'none',
  gpu_slots_invalid: 'none',
  signing_key_unusable: 'none',
  run_dir_unusable: 'none',
  run_dir_too_long: 'none',
  run_dir_not_private: 'none',
  run_dir_changed: 'none',
  workspace_not_allowed: 'none',
  workspace_symlink: 'none',
  workspace_is_system_folder: 'none',
  // somebody wanted it so
  launch_cancelled: 'none',
  stopped_by: 'none',
  // a bug: the report is what helps
  internal_error: 'none',
  invalid_request: 'none',
  unexpected: 'none',
  error: 'none'
};

/**
 * What can be done about it; null where nothing of ours helps.
 *
 * @param problem - why it failed
 * @param launch - what was being started, or ran
 */
export function remedyFor(
  trans: TranslationBundle,
  problem: Pick<IProblem, 'code'>,
  launch: RemedySubject,
  facts: IRemedyFacts
): IRemedy | null {
  const { id, environment, image, path } = launch;
  const known = facts.environments?.find(({ name }) => name === environment);
  const limits = facts.limits;
  const ask = (
    label: string,
    args: ReadonlyPartialJSONObject = {}
  ): IRemedy => ({
    label,
    command: CommandIDs.selectEnvironment,
    args: { path, ...args }
  });
  const again = (label: string): IRemedy | null =>
    environment || image
      ? {
          label,
          command: CommandIDs.launch,
          args: environment
            ? { path, environment }
            : { path, image, gpus: launch.gpus.length, pull: true }
        }
      : null;
  switch (kindOf(problem, launch)) {
    case 'memory': {
      const present = known?.memory ?? limits?.memory.default ?? null;
      const wanted = present === null ? MEMORY : 2 * present;
      const memory = bounded(wanted, limits?.memory.max);
      return memory === null || memory <= (present ?? 0)
        ? again(trans.__('Start again'))
        : sized(
            ask,
            launch,
            known,
            { memory },
            {
              now: trans.__('Restart with %1 RAM', formatMemory(memory)),
              ask: trans.__('Restart with more RAM…')
            }
          );
    }
    case 'shared-memory': {
      const present = known?.shm_size ?? limits?.shm_size.default ?? null;
      const wanted = Math.max(SHM_SIZE, 2 * (present ?? 0));
      const shm_size = bounded(wanted, limits?.shm_size.max);
      return shm_size === null || shm_size <= (present ?? 0)
        ? again(trans.__('Start again'))
        : sized(
            ask,
            launch,
            known,
            { shm_size },
            {
              now: trans.__(
                'Restart with %1 shared memory',
                formatMemory(shm_size)
              ),
              ask: trans.__('Restart with more shared memory…')
            }
          );
    }
    case 'gpus':
      return ask(trans.__('Choose fewer GPUs…'), image ? { image } : {});
    case 'another-image':
      return ask(trans.__('Show images that run here'), {
        filter: 'runs-here'
      });
    case 'another-environment':
      return ask(trans.__('Choose another environment…'));
    case 'get-image':
      return {
        label: trans.__('Get the image…'),
        command: CommandIDs.addImage,
        args: { reference: image }
      };
    case 'login':
      return {
        label: trans.__('Log in to %1', registryHost(image)),
        command: CommandIDs.login,
        args: { host: registryHost(image) }
      };
    case 'make-room':
      return {
        label: trans.__('Show images to remove'),
        command: CommandIDs.openPanel,
        args: {}
      };
    case 'restart':
      return {
        label: trans.__('Restart'),
        command: CommandIDs.restart,
        args: { id }
      };
    case 'start-again':
      return again(trans.__('Start again'));
    case 'try-again':
      return again(trans.__('Try again'));
    case 'none':
      return null;
  }
}

/** What fits a problem; a kernel that never answered was not there to be restarted. */
function kindOf(
  { code }: Pick<IProblem, 'code'>,
  launch: RemedySubject
): RemedyKind {
  const kind = REMEDIES[code] ?? 'none';
  if (kind === 'restart' && !hasRun(launch)) {
    return code === 'kernel_exited' ? 'another-image' : 'try-again';
  }
  return kind;
}

/** A size within a limit; null where the limit is nothing. */
function bounded(
  wanted: number,
  most: number | null | undefined
): number | null {
  const size = Math.min(wanted, most ?? wanted);
  return size > 0 ? size : null;
}

/** Start what was there with another limit; by the dialog where not all of it is known. */
function sized(
  ask: (label: string, args: ReadonlyPartialJSONObject) => IRemedy,
  launch: RemedySubject,
  known: IEnvironment | undefined,
  size: { memory: number } | { shm_size: number },
  labels: { now: string; ask: string }
): IRemedy {
  // what a launch cannot say of an environment would be lost without a word
  if (!known || known.network !== null || known.idle_timeout !== null) {
    return ask(labels.ask, {
      image: launch.image,
      gpus: known?.gpus ?? launch.gpus.length,
      ...('memory' in size
        ? { memory: size.memory }
        : { shmSize: size.shm_size })
    });
  }
  const { gpu_profile, gpu_uuids, kernel, memory, mounts, reference } = known;
  return {
    label: labels.now,
    command: CommandIDs.launch,
    args: {
      path: launch.path,
      image: reference,
      kernel,
      ...(gpu_uuids.length > 0 ? { gpu_uuids } : { gpus: known.gpus }),
      ...(gpu_profile === null ? {} : { gpu_profile }),
      ...(memory === null ? {} : { memory }),
      ...(known.shm_size === null ? {} : { shm_size: known.shm_size }),
      ...(mounts === null ? {} : { mounts }),
      ...size
    }
  };
}
