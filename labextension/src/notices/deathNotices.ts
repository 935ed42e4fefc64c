// Banners of notebooks whose kernels died or were stopped; and a word where nobody would see them.
import { Notification } from '@jupyterlab/apputils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { CommandIDs } from '../commands/commandIds';
import { IDeath, deathOf, launchOf } from '../model/deaths';
import { Dismissed } from '../model/dismissed';
import { inSentence } from '../model/idle';
import { isInProgress } from '../model/launches';
import { loadFacts } from '../model/remedies';
import { IGpuContainersModel, IKernelSwitcher } from '../tokens';
import { NotebookBanner } from '../widgets/banner';

/** Milliseconds for which a banner outlives its reason: that of a restart follows the restart. */
const LINGER = 500;

/** The banner of one notebook, from its opening to its end. */
export class DeathNotice {
  constructor(
    private readonly _panel: NotebookPanel,
    private readonly _options: DeathNotice.IOptions
  ) {
    const { commands, model, switcher, trans } = _options;
    const { sessionContext } = _panel;
    this._banner = new NotebookBanner(_panel, { commands, trans });
    model.launchChanged.connect(this._look, this);
    switcher.changed.connect(this._look, this);
    sessionContext.kernelChanged.connect((_, { oldValue, newValue }) => {
      this._isFirstKernel = !oldValue || oldValue.id === newValue?.id;
      this._look();
    }, this);
    _panel.disposed.connect(() => {
      clearTimeout(this._timer);
      model.launchChanged.disconnect(this._look, this);
      switcher.changed.disconnect(this._look, this);
    }, this);
    void model.ready.then(() => this._look());
  }

  private _look(): void {
    const { localPath, model, switcher, trans } = this._options;
    const { context, isDisposed, sessionContext } = this._panel;
    if (isDisposed) {
      return;
    }
    const notebook = {
      path: localPath(context.path),
      kernelId: sessionContext.session?.kernel?.id ?? null,
      isFirstKernel: this._isFirstKernel
    };
    const death = switcher.pending(sessionContext)
      ? null
      : deathOf(trans, model.launches, notebook, model);
    if (death) {
      this._show(death);
      if (!this._isLoaded) {
        this._isLoaded = true;
        void loadFacts(model).then(isNew => isNew && this._look());
      }
      return;
    }
    const launch = launchOf(model.launches, notebook);
    if (!this._shown || (launch && isInProgress(launch))) {
      return; // while it is restarted, what was told stands
    }
    this._timer ??= setTimeout(() => {
      this._timer = undefined;
      this._shown = null;
      this._banner.content = null;
    }, LINGER);
  }

  private _show(death: IDeath): void {
    clearTimeout(this._timer);
    this._timer = undefined;
    const said = JSON.stringify([death.key, death.problem, death.remedies]);
    if (said === this._shown || this._options.dismissed.has(death.key)) {
      return;
    }
    this._shown = said;
    const { trans } = this._options;
    const { launch, problem, remedies, severity, title } = death;
    this._banner.content = {
      severity,
      title,
      text: problem.message,
      hint: problem.hint,
      log: problem.log,
      actions: [
        ...remedies.map((remedy, index) => ({
          ...remedy,
          isPrimary: index === 0
        })),
        {
          label: trans.__('Copy report'),
          caption: trans.__('Copy what is known of it, without secrets'),
          command: CommandIDs.copyReport,
          args: { id: launch.id }
        }
      ],
      onDismiss: () => this._options.dismissed.add(death.key)
    };
    if (!this._panel.isVisible && !this._told.has(death.key)) {
      this._told.add(death.key);
      this._tellElsewhere(death);
    }
  }

  /** The notebook is behind another one. */
  private _tellElsewhere({ problem, severity }: IDeath): void {
    const { activate, trans } = this._options;
    const { sessionContext } = this._panel;
    const name = inSentence(sessionContext.name);
    const text = trans.__('%1: %2', name, problem.message);
    const type = severity === 'error' ? 'error' : 'warning';
    const show = {
      label: trans.__('Show'),
      caption: trans.__('Show the notebook'),
      callback: () => activate(this._panel)
    };
    Notification.emit(text, type, { autoClose: false, actions: [show] });
  }

  private readonly _banner: NotebookBanner;
  private _isFirstKernel = true;
  private _isLoaded = false;
  private _shown: string | null = null;
  private readonly _told = new Set<string>();
  private _timer: ReturnType<typeof setTimeout> | undefined;
}

/** Types of the notice. */
export namespace DeathNotice {
  /** What it is made of. */
  export interface IOptions {
    commands: CommandRegistry;
    /** The deaths whose banners were put away. */
    dismissed: Dismissed;
    model: IGpuContainersModel;
    switcher: IKernelSwitcher;
    /** A path without its drive, as the server knows it. */
    localPath: (path: string) => string;
    activate: (panel: NotebookPanel) => void;
    trans: TranslationBundle;
  }
}
