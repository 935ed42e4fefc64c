// A notification for every launch that waits for a GPU, as long as it does.
import { Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { CommandIDs } from '../commands/commandIds';
import { placeDetails, placeLabel } from '../model/queue';
import { IGpuContainersModel } from '../tokens';
import { ILaunch, IQueuePlace } from '../client/wire';

/** Keeps the notifications as the launches are, also those that were begun before a reload. */
export class QueueNotices {
  constructor(private readonly _options: QueueNotices.IOptions) {
    const { model } = _options;
    model.launchChanged.connect((_, launch) => this._show(launch), this);
    void model.ready.then(() => {
      model.launches.forEach(launch => this._show(launch));
    });
  }

  private _show(launch: ILaunch): void {
    const shown = this._shown.get(launch.id);
    if (!launch.queue) {
      if (shown !== undefined) {
        Notification.dismiss(shown);
        this._shown.delete(launch.id);
      }
      return;
    }
    const message = this._message(launch, launch.queue);
    if (shown !== undefined) {
      // one that the user has put away stays away
      Notification.update({ id: shown, message });
      return;
    }
    const { commands, trans } = this._options;
    const { id } = launch;
    const actions = [
      {
        label: trans.__('Start on CPU'),
        caption: trans.__('Start it now, without a GPU'),
        callback: () => {
          void commands.execute(CommandIDs.startOnCpu, { id });
        }
      },
      {
        label: trans.__('Leave the Queue'),
        caption: trans.__('Give the start up'),
        callback: () => {
          void commands.execute(CommandIDs.stop, { id });
        }
      }
    ];
    const options = { autoClose: false as const, actions };
    this._shown.set(id, Notification.info(message, options));
  }

  private _message(launch: ILaunch, place: IQueuePlace): string {
    const { trans } = this._options;
    const name = launch.path.slice(launch.path.lastIndexOf('/') + 1);
    const what = name || launch.display_name;
    return [
      trans.__('%1: %2.', what, placeLabel(trans, place)),
      placeDetails(trans, place)
    ]
      .filter(Boolean)
      .join(' ');
  }

  /** Ids of notifications, by launch. */
  private readonly _shown = new Map<string, string>();
}

/** Types of the notices. */
export namespace QueueNotices {
  /** What they are made of. */
  export interface IOptions {
    commands: CommandRegistry;
    model: IGpuContainersModel;
    trans: TranslationBundle;
  }
}
