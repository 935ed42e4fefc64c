// A notification for every kernel that will be stopped because nobody uses it.
import { Notification } from '@jupyterlab/apputils';
import { Session } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { formatTime } from '../model/clock';
import { CommandIDs } from '../commands/commandIds';
import { idleWarning, idleness } from '../model/idle';
import { userOf } from '../model/launches';
import { IGpuContainersModel } from '../tokens';
import { ILaunch } from '../client/wire';
import { inFull } from './inFull';

/** Keeps the notifications as the launches are, also those that were warned of before a reload. */
export class IdleNotices {
  constructor(private readonly _options: IdleNotices.IOptions) {
    const { model, sessions } = _options;
    model.launchChanged.connect((_, launch) => this._show(launch), this);
    void Promise.allSettled([model.ready, sessions.ready]).then(() => {
      model.launches.forEach(launch => this._show(launch));
    });
  }

  private _show(launch: ILaunch): void {
    const shown = this._shown.get(launch.id);
    const idle = idleness(launch);
    if (!idle) {
      if (shown) {
        Notification.dismiss(shown.notice);
        this._shown.delete(launch.id);
      }
      return;
    }
    const { commands, language, sessions, trans } = this._options;
    const { id } = launch;
    const stop = formatTime(language, idle.stop_at);
    if (shown?.stop === stop) {
      // one that was put away stays away: an update would bring it back
      return;
    }
    const name = userOf(launch, [...sessions.running()]).name;
    const message = idleWarning(
      trans,
      language,
      name || launch.display_name,
      launch,
      idle
    );
    const keepAlive = {
      label: trans.__('Keep alive'),
      caption: trans.__('Use it on: it is not stopped before it is idle again'),
      displayType: 'accent' as const,
      callback: (event: MouseEvent) => {
        // it goes when the server says that the kernel is kept, not before
        event.preventDefault();
        void commands.execute(CommandIDs.keepAlive, { id });
      }
    };
    const actions = [keepAlive, ...inFull(trans, message)];
    if (shown && Notification.update({ id: shown.notice, message, actions })) {
      this._shown.set(id, { ...shown, stop });
      return;
    }
    const options = { autoClose: false as const, actions };
    const notice = Notification.warning(message, options);
    this._shown.set(id, { notice, stop });
  }

  /** Ids of notifications and the time of the end that they tell, by launch. */
  private readonly _shown = new Map<string, { notice: string; stop: string }>();
}

/** Types of the notices. */
export namespace IdleNotices {
  /** What they are made of. */
  export interface IOptions {
    commands: CommandRegistry;
    model: IGpuContainersModel;
    /** The sessions of this server: a notebook that was renamed is known to them alone. */
    sessions: Pick<Session.IManager, 'ready' | 'running'>;
    /** BCP 47 tag of the language that times are told in. */
    language: string;
    trans: TranslationBundle;
  }
}
