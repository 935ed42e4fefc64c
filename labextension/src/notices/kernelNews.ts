// Word of kernels that died, and of what happened to some that run on, wherever in JupyterLab one is.
import { Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { wasCulled } from '../model/idle';
import { isFinal } from '../model/launches';
import { ILaunch, IProblem } from '../client/wire';

/** Facts about how a kernel was started: worth a glance at each start, and no more. */
const FACTS = new Set(['requirement_waived']);
const GLANCE = 8000; // milliseconds

/** Tells each thing once; where more becomes known of it, what was told is put right. */
export class KernelNews {
  /**
   * @param trans - the extension's translations
   * @param show - shows in full what was told of a launch
   * @param startAgain - starts for a notebook what a launch had started
   */
  constructor(
    private readonly _trans: TranslationBundle,
    private readonly _show: (
      name: string,
      problem: IProblem,
      launch: ILaunch
    ) => void,
    private readonly _startAgain: (launch: ILaunch) => void
  ) {}

  /** Tell what is new of a kernel that had run; `name` is what people call its notebook. */
  tell(name: string, launch: ILaunch): void {
    if (wasCulled(launch)) {
      // nothing went wrong, but the variables are gone
      this._tell(name, launch, launch.error!, 'warning', [
        {
          label: this._trans.__('Start again'),
          caption: this._trans.__('Start %1', launch.display_name),
          callback: () => this._startAgain(launch)
        }
      ]);
    } else if (launch.phase === 'failed' && launch.error) {
      this._tell(name, launch, launch.error, 'error');
    } else if (launch.phase === 'running') {
      launch.warnings.forEach(warning =>
        this._tell(
          name,
          launch,
          warning,
          FACTS.has(warning.code) ? 'info' : 'warning'
        )
      );
    }
  }

  private _tell(
    name: string,
    launch: ILaunch,
    problem: IProblem,
    type: 'error' | 'warning' | 'info',
    remedies: Notification.IAction[] = []
  ): void {
    // a kernel that was restarted may die again
    const what = isFinal(launch.phase) ? 'end' : problem.code;
    const key = [launch.id, launch.phases.length, what].join(' ');
    const message = this._trans.__('%1: %2', name, problem.message);
    const actions = [
      ...remedies,
      {
        label: this._trans.__('Details'),
        callback: () => this._show(name, problem, launch)
      }
    ];
    const id = this._told.get(key);
    if (id !== undefined) {
      Notification.update({ id, message, actions });
      return;
    }
    this._told.set(
      key,
      Notification.emit(message, type, {
        autoClose: type === 'info' ? GLANCE : false,
        actions
      })
    );
  }

  private _told = new Map<string, string>();
}
