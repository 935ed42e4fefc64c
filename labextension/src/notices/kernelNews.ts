// Word of what happened to kernels that run on, wherever in JupyterLab one is.
import { Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { tellsOfDeath } from '../model/deaths';
import { ILaunch, IProblem } from '../client/wire';

/** Facts about how a kernel was started: worth a glance at each start, and no more. */
const FACTS = new Set(['requirement_waived']);
const GLANCE = 8000; // milliseconds

/** Tells each thing once; where more becomes known of it, what was told is put right. */
export class KernelNews {
  /**
   * @param trans - the extension's translations
   * @param show - shows in full what was told of a launch
   */
  constructor(
    private readonly _trans: TranslationBundle,
    private readonly _show: (name: string, problem: IProblem) => void
  ) {}

  /** Tell what is new of a kernel that runs; `name` is what people call its notebook. */
  tell(name: string, launch: ILaunch): void {
    if (launch.phase !== 'running') {
      return;
    }
    // of its death and restart the notebook itself tells
    launch.warnings
      .filter(warning => !tellsOfDeath(warning))
      .forEach(warning => {
        const isFact = FACTS.has(warning.code);
        this._tell(name, launch, warning, isFact ? 'info' : 'warning');
      });
  }

  private _tell(
    name: string,
    launch: ILaunch,
    problem: IProblem,
    type: 'warning' | 'info'
  ): void {
    // a kernel that was restarted may be warned of again
    const key = [launch.id, launch.phases.length, problem.code].join(' ');
    const message = this._trans.__('%1: %2', name, problem.message);
    const actions = [
      {
        label: this._trans.__('Details'),
        callback: () => this._show(name, problem)
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
