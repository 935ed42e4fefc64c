// The state of a notebook's kernel as its toolbar's button shows it.
import { TranslationBundle } from '@jupyterlab/translation';
import { startLabel } from './launchSteps';
import { placeDetails } from './queue';
import { ILaunch } from '../client/wire';

/** What the dot tells. */
export type KernelState =
  'idle' | 'busy' | 'starting' | 'dead' | 'disconnected' | 'none';

/** What the button shows. */
export interface IFace {
  /** null where the notebook's kernel is none of ours: there is no dot. */
  state: KernelState | null;
  label: string;
  tooltip: string;
  /** Whether a start is under way, which a click shows. */
  isStarting: boolean;
}

/** What the button looks at. */
export interface IFacts {
  /** Whether a switch of this notebook is under way. */
  isPending: boolean;
  /** The launch that is under way, or that the kernel came from; null where none is known. */
  launch: ILaunch | null;
  isStarting: boolean;
  /** Which GPUs the kernel has, in words; empty where it has none, or they are not known. */
  gpus: string;
  /** Whether the kernel is in an environment of ours. */
  isOurs: boolean;
  /** As JupyterLab names the kernel. */
  kernelName: string;
  /** As `ISessionContext.kernelDisplayStatus` has it. */
  status: string;
}

/** The button's face. */
export function faceOf(trans: TranslationBundle, facts: IFacts): IFace {
  const { isOurs, isPending, isStarting, kernelName, launch } = facts;
  if (isPending || isStarting) {
    const queue = launch?.queue;
    return {
      state: 'starting',
      label: startLabel(trans, launch),
      tooltip: [
        launch?.display_name &&
          trans.__('%1 is being started.', launch.display_name),
        queue && placeDetails(trans, queue),
        queue
          ? trans.__('Click to start on the CPU, or to cancel the start.')
          : trans.__('Click to see how the start gets on, or to cancel it.')
      ]
        .filter(Boolean)
        .join('\n'),
      isStarting: true
    };
  }
  if (!isOurs) {
    return {
      state: null,
      label: trans.__('Select environment'),
      tooltip: trans.__(
        'Run this notebook in a container, on a GPU of its own'
      ),
      isStarting: false
    };
  }
  const told = stateOf(facts.status);
  // JupyterLab goes on saying "starting" after a restart until a cell is run; the server knows better
  const state =
    told === 'starting' && launch?.phase === 'running' ? 'idle' : told;
  return {
    state,
    label: kernelName,
    tooltip: [
      facts.gpus
        ? trans.__(
            'Kernel in a container on %1: %2.',
            facts.gpus,
            stateText(trans, state)
          )
        : trans.__('Kernel in a container: %1.', stateText(trans, state)),
      trans.__('Switch this notebook to another image or number of GPUs')
    ].join('\n'),
    isStarting: false
  };
}

/** The kernel's state by JupyterLab's word for it. */
export function stateOf(status: string): KernelState {
  switch (status) {
    case 'idle':
      return 'idle';
    case 'dead':
    case 'terminating':
      return 'dead';
    case 'starting':
    case 'restarting':
    case 'autorestarting':
    case 'initializing':
      return 'starting';
    case 'connecting':
    case 'disconnected':
      return 'disconnected';
    case '':
      return 'none';
    default:
      // also "unknown": whoever has not answered yet may be in a long cell
      return 'busy';
  }
}

/** In one or two words. */
export function stateText(
  trans: TranslationBundle,
  state: KernelState
): string {
  switch (state) {
    case 'idle':
      return trans.__('idle');
    case 'busy':
      return trans.__('busy');
    case 'starting':
      return trans.__('starting');
    case 'dead':
      return trans.__('dead');
    case 'disconnected':
      return trans.__('not connected');
    case 'none':
      return trans.__('no kernel');
  }
}
