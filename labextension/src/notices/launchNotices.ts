// One notification for each start, with its steps; where it fails, with the cause and what to do.
import { Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { CommandIDs } from '../commands/commandIds';
import { inSentence } from '../model/idle';
import { LaunchMemory } from '../model/launchMemory';
import { hasRun, isInProgress } from '../model/launches';
import { IStep, stepsOf } from '../model/launchSteps';
import { placeDetails } from '../model/queue';
import { IRemedy, loadFacts, remedyFor } from '../model/remedies';
import { IGpuContainersModel, IKernelSwitcher, IPreferences } from '../tokens';
import { ILaunch, IProblem } from '../client/wire';
import { ROOM } from './inFull';

/** Milliseconds that a start may take without a word: the toolbar's button suffices. */
export const QUICK = 1500;
/** Milliseconds between two updates of a notification, while nothing but numbers change. */
const PACE = 1000;
const MARKS = { done: '✓', current: '▸', failed: '✗', todo: '·' };

/** Keeps the notifications as the launches are, also those that were begun before a reload. */
export class LaunchNotices {
  constructor(private readonly _options: LaunchNotices.IOptions) {
    const { model, switcher } = _options;
    model.launchChanged.connect((_, launch) => this._follow(launch), this);
    switcher.failed.connect((_, failure) => {
      const path = failure.context.path;
      const launch = _options.memory.ofFailure(failure, path, Date.now());
      this._fail(launch, failure.problem);
    }, this);
    void model.ready.then(() => this.look());
  }

  /** Look for starts that have become this page's business: a notebook was opened. */
  look(): void {
    this._options.model.launches
      .filter(isInProgress)
      .forEach(launch => this._follow(launch));
  }

  private _follow(launch: ILaunch): void {
    const { memory, mayShow } = this._options;
    memory.keep(launch);
    const state = this._states.get(launch.id);
    if (isInProgress(launch)) {
      if (state) {
        state.launch = launch;
        this._tell(state);
      } else if (mayShow(launch)) {
        this._begin(launch);
      }
      return;
    }
    if (!state) {
      return;
    }
    const { error, phase } = launch;
    if (phase === 'failed' && error && !hasRun(launch)) {
      this._fail(launch, error);
    } else {
      this._end(state);
    }
  }

  private _begin(launch: ILaunch): void {
    const state = newState(launch);
    this._failed.delete(launch.id); // a restart
    this._states.set(launch.id, state);
    this._tell(state);
  }

  /** Show a start, now or soon; or how it has got on. */
  private _tell(state: IState): void {
    const { launch } = state;
    const steps = `${launch.phases.length} ${launch.queue?.position ?? ''}`;
    const isNew = steps !== state.steps;
    // who waits for a GPU has something to decide
    const due = state.notice
      ? state.told + (isNew ? 0 : PACE)
      : launch.queue
        ? 0
        : state.seen + QUICK;
    const left = due - Date.now();
    if (left > 0) {
      state.timer ??= setTimeout(
        () => {
          state.timer = null;
          this._tell(state);
        },
        Math.min(left, QUICK)
      );
      return;
    }
    stop(state);
    state.steps = steps;
    state.told = Date.now();
    const { preferences } = this._options;
    if (!state.notice && preferences?.values.launchNotifications === false) {
      return;
    }
    this._put(state, 'in-progress', this._progress(launch), [
      ...this._details(launch),
      ...this._decisions(launch)
    ]);
  }

  /** Say why a start failed; its notification, where there is one, becomes this. */
  private _fail(launch: ILaunch, problem: IProblem): void {
    if (this._failed.has(launch.id)) {
      return; // told by its launch, and by who followed it
    }
    this._failed.add(launch.id);
    const { model, trans } = this._options;
    const state = this._states.get(launch.id) ?? newState(launch);
    stop(state);
    this._states.delete(launch.id);
    const told = remedyFor(trans, problem, launch, model);
    this._tellFailure(state, launch, problem, told);
    void loadFacts(model).then(() => {
      const remedy = remedyFor(trans, problem, launch, model);
      // a notification that is told anew moves under its reader's eyes: only where it says more
      const isNew = JSON.stringify(remedy) !== JSON.stringify(told);
      // unless its reader has put it away meanwhile
      if (isNew && state.notice && Notification.manager.has(state.notice)) {
        this._tellFailure(state, launch, problem, remedy);
      }
    });
  }

  private _tellFailure(
    state: IState,
    launch: ILaunch,
    problem: IProblem,
    remedy: IRemedy | null
  ): void {
    const { commands, trans } = this._options;
    const actions: Notification.IAction[] = remedy
      ? [
          {
            label: remedy.label,
            displayType: 'accent',
            callback: () => void commands.execute(remedy.command, remedy.args)
          }
        ]
      : [];
    const id = launch.id;
    this._put(state, 'error', this._failure(launch, problem), [
      ...actions,
      ...this._details(launch),
      {
        label: trans.__('Copy report'),
        caption: trans.__('Copy what is known of it, without secrets'),
        callback: (event: MouseEvent) => {
          event.preventDefault(); // stay
          void commands.execute(CommandIDs.copyReport, { id });
        }
      }
    ]);
  }

  private _end(state: IState): void {
    stop(state);
    this._states.delete(state.launch.id);
    if (state.notice) {
      Notification.dismiss(state.notice);
    }
  }

  private _put(
    state: IState,
    type: 'in-progress' | 'error',
    message: string,
    actions: Notification.IAction[]
  ): void {
    const options = { autoClose: false as const, actions };
    if (!state.notice) {
      state.notice = Notification.emit(message, type, options);
      return;
    }
    const id = state.notice;
    if (type === 'error' && !this._options.isOnScreen(id)) {
      // JupyterLab forgets a change of what is on its way to the screen, and this is the last one
      Notification.dismiss(id);
      state.notice = Notification.emit(message, type, options);
      return;
    }
    const isHidden = type === 'in-progress' && this._isHidden(state);
    // one that its reader has hidden is kept up to date where it is, among all notifications;
    // JupyterLab shows no toast of what closes after no time
    const autoClose = isHidden ? 0 : (false as const);
    const update = { id, message, type, actions, autoClose };
    if (!Notification.update(update) && type === 'error') {
      state.notice = Notification.emit(message, type, options);
    }
  }

  /** Whether the reader has hidden a notification that was shown. */
  private _isHidden(state: IState): boolean {
    const isThere = this._options.isOnScreen(state.notice!);
    state.wasSeen ||= isThere;
    return Boolean(state.wasSeen) && !isThere;
  }

  /**
   * The steps, a line each; where there is no room, what is to come is left out first, and then who
   * has the GPUs.
   */
  private _progress(launch: ILaunch): string {
    const { trans } = this._options;
    const lines = [title(launch)];
    const steps = stepsOf(trans, launch, Date.now());
    lines.push(...steps.map(step => this._line(step)));
    const details = launch.queue ? placeDetails(trans, launch.queue) : '';
    const current = steps.findIndex(({ state }) => state === 'current') + 2;
    const rest = details ? [details] : [];
    while (lines.length > current && length([...lines, ...rest]) > ROOM) {
      lines.pop();
    }
    return length([...lines, ...rest]) > ROOM
      ? lines.join('\n')
      : [...lines, ...rest].join('\n');
  }

  private _line({ label, seconds, state }: IStep): string {
    const { trans } = this._options;
    const mark = MARKS[state];
    return state === 'done' && seconds !== null && seconds >= 0.95
      ? trans.__('%1 %2 (%3 s)', mark, label, Math.round(seconds))
      : trans.__('%1 %2', mark, label);
  }

  private _failure(launch: ILaunch, problem: IProblem): string {
    const { trans } = this._options;
    const last = problem.log?.trimEnd().split('\n').pop()?.trim() ?? '';
    const lines = [
      launch.path
        ? trans.__('The kernel of %1 did not start.', title(launch))
        : trans.__('%1 did not start.', title(launch)),
      problem.message
    ];
    if (last) {
      lines.push(trans.__('“%1”', last));
    }
    while (lines.length > 2 && length(lines) > ROOM) {
      lines.pop();
    }
    return lines.join('\n');
  }

  private _details({ id }: ILaunch): Notification.IAction[] {
    const { commands, trans } = this._options;
    return [
      {
        label: trans.__('Details'),
        caption: trans.__('Show all steps, and what was written meanwhile'),
        callback: (event: MouseEvent) => {
          event.preventDefault(); // stay
          void commands.execute(CommandIDs.showLaunch, { id });
        }
      }
    ];
  }

  private _decisions({ id, queue }: ILaunch): Notification.IAction[] {
    const { commands, trans } = this._options;
    // it goes when the server says so, not before
    const act = (command: string) => (event: MouseEvent) => {
      event.preventDefault();
      void commands.execute(command, { id });
    };
    const onCpu = {
      label: trans.__('Start on CPU'),
      caption: trans.__('Start it now, without a GPU'),
      callback: act(CommandIDs.startOnCpu)
    };
    const cancel = {
      label: trans.__('Cancel Start'),
      caption: trans.__('Nothing is started, and no GPU is waited for'),
      callback: act(CommandIDs.stop)
    };
    return queue ? [onCpu, cancel] : [cancel];
  }

  private readonly _failed = new Set<string>();
  private readonly _states = new Map<string, IState>();
}

/** Types of the notices. */
export namespace LaunchNotices {
  /** What they are made of. */
  export interface IOptions {
    commands: CommandRegistry;
    model: IGpuContainersModel;
    switcher: IKernelSwitcher;
    memory: LaunchMemory;
    preferences: IPreferences | null;
    /** Whether a start is any of this page's business. */
    mayShow: (launch: ILaunch) => boolean;
    /** Whether a notification is shown just now. */
    isOnScreen: (notification: string) => boolean;
    trans: TranslationBundle;
  }
}

/** What is shown of a launch. */
interface IState {
  launch: ILaunch;
  /** Id of the notification. */
  notice: string | null;
  timer: ReturnType<typeof setTimeout> | null;
  /** When this page learnt of it; milliseconds since the epoch, like the next. */
  seen: number;
  /** When it was told last. */
  told: number;
  /** The step and place that were told. */
  steps?: string;
  /** Whether it was on the screen at some time. */
  wasSeen?: boolean;
}

function newState(launch: ILaunch): IState {
  return { launch, notice: null, timer: null, seen: Date.now(), told: 0 };
}

function stop(state: IState): void {
  if (state.timer !== null) {
    clearTimeout(state.timer);
    state.timer = null;
  }
}

/** What a start is called: its notebook, else its environment. */
function title({ display_name, path }: ILaunch): string {
  return inSentence(path.slice(path.lastIndexOf('/') + 1) || display_name);
}

function length(lines: readonly string[]): number {
  return lines.join('\n').length;
}
