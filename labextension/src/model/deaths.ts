// What a notebook says of its kernel that died, was stopped, or was restarted after its death.
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandIDs } from '../commands/commandIds';
import { ILaunch, IProblem } from '../client/wire';
import { hasRun, isFinal, isInProgress } from './launches';
import { IRemedy, IRemedyFacts, remedyFor } from './remedies';

/** Causes for which a kernel is restarted by Jupyter; then they stand among its warnings. */
const RESTARTED = new Set([
  'out_of_memory',
  'shared_memory_full',
  'kernel_exited',
  'kernel_signalled',
  'kernel_timeout',
  'engine_restarted',
  'pids_limit'
]);

/** Ends that happen while nobody looks: who comes back is told, whatever runs meanwhile. */
const UNATTENDED = new Set([
  'culled',
  'policy_run_time',
  'host_rebooted',
  'kernel_ended_unattended',
  'kernel_not_recovered',
  'server_ended'
]);

/** Ends that somebody wanted, and knows of. */
const WANTED = new Set(['stopped_by', 'launch_cancelled', 'not_attached']);

/** Nothing went wrong. */
const ORDERLY = new Set(['culled', 'policy_run_time']);

/** A kernel's end, as its notebook tells it. */
export interface IDeath {
  /** Another one is another death, also of the same kernel. */
  key: string;
  launch: ILaunch;
  problem: IProblem;
  severity: 'info' | 'warning' | 'error';
  title: string;
  /** The first is what most people want. */
  remedies: readonly IRemedy[];
}

/** What a notebook has. */
export interface INotebookState {
  path: string;
  /** Id of its kernel, dead or alive. */
  kernelId: string | null;
  /** Whether that is still the one with which it was opened. */
  isFirstKernel: boolean;
}

/** Whether a warning tells why the kernel had to be restarted. */
export function tellsOfDeath({ code }: Pick<IProblem, 'code'>): boolean {
  return RESTARTED.has(code);
}

/** The launch whose kernel a notebook has, or had last. */
export function launchOf(
  launches: readonly ILaunch[],
  { kernelId, path }: Pick<INotebookState, 'kernelId' | 'path'>
): ILaunch | null {
  return (
    launches.find(
      launch => kernelId !== null && launch.kernel_id === kernelId
    ) ??
    launches.find(launch => launch.path === path) ??
    null
  );
}

/**
 * What is to be told of a notebook's kernel; null where it runs well, or never ran.
 *
 * @param launches - newest first
 */
export function deathOf(
  trans: TranslationBundle,
  launches: readonly ILaunch[],
  notebook: INotebookState,
  facts: IRemedyFacts
): IDeath | null {
  const launch = launchOf(launches, notebook);
  if (!launch || isInProgress(launch)) {
    return null;
  }
  const isOther =
    notebook.kernelId !== null && launch.kernel_id !== notebook.kernelId;
  if (isFinal(launch.phase)) {
    const { error } = launch;
    if (!error || !hasRun(launch) || WANTED.has(error.code)) {
      return null;
    }
    if (isOther && !(notebook.isFirstKernel && UNATTENDED.has(error.code))) {
      return null; // it has got another kernel
    }
    const isOrderly = ORDERLY.has(error.code);
    return {
      key: keyOf(launch, error),
      launch,
      problem: error,
      severity: isOrderly ? 'info' : 'error',
      title: isOrderly
        ? trans.__('The kernel was stopped')
        : trans.__('The kernel died'),
      remedies: remedies(trans, error, launch, facts, isOther)
    };
  }
  const warning = launch.warnings.find(tellsOfDeath);
  if (!warning || isOther) {
    return null;
  }
  const remedy = remedyFor(trans, warning, launch, facts);
  const isNeeded = remedy && remedy.command !== CommandIDs.restart;
  return {
    key: keyOf(launch, warning),
    launch,
    problem: warning,
    severity: 'warning',
    title: trans.__('The kernel died and was restarted'),
    remedies: isNeeded ? [remedy] : []
  };
}

/** The fitting remedy, and to begin anew as it was. */
function remedies(
  trans: TranslationBundle,
  problem: IProblem,
  launch: ILaunch,
  facts: IRemedyFacts,
  isOther: boolean
): readonly IRemedy[] {
  const { id, image, path } = launch;
  if (isOther) {
    // another kernel runs, with variables of its own: let its user decide
    const label = trans.__('Start again…');
    const args = image ? { path, image } : { path };
    return [{ label, command: CommandIDs.selectEnvironment, args }];
  }
  const remedy = remedyFor(trans, problem, launch, facts);
  const restart = {
    label: trans.__('Restart'),
    command: CommandIDs.restart,
    args: { id }
  };
  if (!remedy) {
    return [restart];
  }
  // a kernel whose container is there can be restarted as it was, too
  return tellsOfDeath(problem) && remedy.command !== restart.command
    ? [remedy, restart]
    : [remedy];
}

function keyOf(launch: ILaunch, { code }: IProblem): string {
  return [launch.id, launch.phases.length, code].join(' ');
}
