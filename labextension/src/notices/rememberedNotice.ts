// One notebook's memory: written when its kernel runs in an environment, offered where it opens next.
import { ISessionContext } from '@jupyterlab/apputils';
import { IChangedArgs } from '@jupyterlab/coreutils';
import { NotebookPanel } from '@jupyterlab/notebook';
import { Kernel, KernelSpec } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { JSONExt, PartialJSONValue } from '@lumino/coreutils';
import { IDisposable } from '@lumino/disposable';
import { Signal } from '@lumino/signaling';
import {
  IRemembered,
  METADATA_KEY,
  isSameEnvironment,
  locate,
  looksLikeEnvironment,
  profileOf,
  readRemembered,
  rememberEnvironment,
  toMetadata
} from '../model/remembered';
import { isSameReference } from '../model/references';
import {
  IGpuContainersModel,
  IKernelQuestions,
  IKernelSwitcher,
  IPreferences
} from '../tokens';
import { ICatalogueEntry } from '../client/wireImages';
import { NotebookBanner } from '../widgets/banner';
import { KernelHold } from './kernelHold';
import { offer, offerStopped, offerUnknown } from './rememberedOffer';

/** Longest title of a kernelspec that is shown. */
const LONGEST_TITLE = 80;

/** Remembers for one notebook, and offers what it remembers. */
export class RememberedNotice implements IDisposable {
  constructor(
    private readonly _panel: NotebookPanel,
    private readonly _options: RememberedNotice.IOptions
  ) {
    const { commands, trans } = _options;
    this._banner = new NotebookBanner(_panel, { commands, trans });
    _panel.disposed.connect(this.dispose, this);
    const { sessionContext } = _panel;
    const ask = () => this._ask();
    this._hold = new KernelHold(sessionContext, _options.questions, ask);
    sessionContext.statusChanged.connect(this._onStatus, this);
    sessionContext.kernelChanged.connect(this._onKernelChanged, this);
    sessionContext.sessionChanged.connect(this._onSessionChanged, this);
    _options.model.changed.connect(this._show, this);
    _options.switcher.changed.connect(this._show, this);
    void this._open();
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    this._hold.dispose();
    Signal.clearData(this);
  }

  /** What the notebook remembers now. */
  get remembered(): IRemembered | null {
    return readRemembered(this._panel.context.model.getMetadata(METADATA_KEY));
  }

  /** Of the MIG instances in which it ran, as far as its kernelspec tells. */
  get profile(): string | null {
    const name = this._panel.context.model.defaultKernelName;
    const facts = this._options.switcher.environment(name);
    return facts ? (facts.gpu_profile ?? null) : profileOf(name, this._title());
  }

  /** Offer it no more, until the notebook is opened again. */
  decline(): void {
    this._isOpen = false;
    this._show();
  }

  /** Look at what the notebook remembers, before JupyterLab starts a kernel for it. */
  private async _open(): Promise<void> {
    const { context, sessionContext } = this._panel;
    await context.ready;
    const { model, kernelspecs } = this._options;
    if (this._isDisposed || model.available === false) {
      return;
    }
    context.model.metadataChanged.connect(this._show, this);
    const isUnknown = !kernelspecs.specs || model.available === null;
    if (!kernelspecs.specs || this._doubt() === 'start') {
      this._hold.hold();
    }
    if (isUnknown) {
      await Promise.all([kernelspecs.ready, model.ready]);
    }
    const { isHeld } = this._hold;
    if (isUnknown && isHeld) {
      await sessionContext.ready;
      const isDoubtful = model.available && this._doubt() === 'start';
      if (!this._isDisposed && !isDoubtful) {
        this._hold.release();
        if (!sessionContext.session?.kernel) {
          await sessionContext.startKernel();
        }
      }
    }
    if (this._isDisposed || !model.available || this._doubt() === null) {
      return;
    }
    if (this._hold.isHeld) {
      await sessionContext.ready; // with a kernel, where one runs for this notebook
    }
    if (!model.images) {
      await model.refresh();
    }
    const { remembered } = this;
    if (
      remembered &&
      locate(remembered, model.images ?? [], []).kind === 'away'
    ) {
      this._catalogue = await this._options.catalogue();
    }
    this._isOpen = true;
    this._show();
  }

  /**
   * Whether the notebook's kernelspec is not what it remembers: `start`: so that nothing may be
   * started for it; `offer`: only something else is to be offered.
   */
  private _doubt(): 'start' | 'offer' | null {
    const { kernelspecs, switcher } = this._options;
    const { remembered } = this;
    const name = this._panel.context.model.defaultKernelName;
    const facts = switcher.environment(name);
    if (facts) {
      const present = rememberEnvironment(facts)?.digest ?? null;
      const isOther =
        remembered !== null &&
        isSameReference(remembered.image, facts.image) &&
        remembered.digest !== present;
      return isOther ? 'start' : null;
    }
    if (kernelspecs.specs?.kernelspecs[name]) {
      return remembered ? 'offer' : null;
    }
    return remembered || looksLikeEnvironment(name, this._title())
      ? 'start'
      : null;
  }

  /** Instead of JupyterLab's dialog, when a cell is run or a kernel is wanted. */
  private async _ask(): Promise<boolean> {
    const content = this._contentStopped() ?? this._content();
    if (!content || this._panel.sessionContext.session?.kernel) {
      return false;
    }
    const { askInstead } = await import('../dialogs/rememberedDialog');
    const { commands, switcher, trans } = this._options;
    const isAnswered = await askInstead(commands, trans, content);
    await switcher.pending(this._panel.sessionContext)?.done;
    return isAnswered;
  }

  /** Of an environment whose kernel was stopped: the same again, with all that was chosen for it. */
  private _contentStopped(): NotebookBanner.IContent | null {
    const facts = this._options.switcher.environment(this._stopped);
    if (!facts) {
      return null;
    }
    const { kernelspecs, trans } = this._options;
    const { path } = this._panel.context;
    const spec = kernelspecs.specs?.kernelspecs[this._stopped];
    const title = spec?.display_name ?? this._stopped;
    return offerStopped(path, this._stopped, title, trans);
  }

  private _content(): NotebookBanner.IContent | null {
    const { model, trans } = this._options;
    const { path } = this._panel.context;
    const { remembered } = this;
    if (!remembered) {
      return this._hold.isHeld
        ? offerUnknown(path, this._title(), trans)
        : null;
    }
    return offer({
      path,
      remembered,
      where: locate(remembered, model.images ?? [], this._catalogue),
      profile: this.profile,
      known: model.known(remembered.image),
      gpus: model.gpus,
      problem: model.images ? null : (model.status?.problem ?? model.problem),
      trans
    });
  }

  private _show(): void {
    const { sessionContext } = this._panel;
    const { switcher } = this._options;
    const kernel = sessionContext.session?.kernel;
    const isWanted =
      this._isOpen &&
      !switcher.pending(sessionContext) &&
      !(kernel && switcher.environment(kernel.name));
    const content = isWanted ? this._content() : null;
    if (!JSONExt.deepEqual(asJson(content), asJson(this._banner.content))) {
      this._banner.content = content && {
        ...content,
        onDismiss: () => this.decline()
      };
    }
  }

  private _onKernelChanged(
    _: ISessionContext,
    change: IChangedArgs<
      Kernel.IKernelConnection | null,
      Kernel.IKernelConnection | null,
      'kernel'
    >
  ): void {
    const { newValue, oldValue } = change;
    if (newValue && (oldValue || this._hold.isHeld)) {
      this._hold.release();
      this._isOpen = false; // somebody has chosen
    }
    if (newValue) {
      this._stopped = '';
    } else {
      this._onLost();
    }
    this._show();
    if (newValue && oldValue) {
      void this._forget(oldValue.name, newValue.name);
    }
  }

  /** A session that ends elsewhere, by another page or the server, changes no kernel first. */
  private _onSessionChanged(sender: ISessionContext): void {
    if (!sender.session && !sender.isDisposed) {
      this._onLost();
    }
  }

  /**
   * The kernel is gone. JupyterLab would start, where a cell is run, the kernel that the notebook
   * was opened with, or one of the same language: without the image, and without its GPUs.
   */
  private _onLost(): void {
    const { switcher } = this._options;
    const isOurs = this._wasOurs || switcher.environment(this._last) !== null;
    if (this._isDisposed || !this._last || !isOurs) {
      return;
    }
    this._stopped = this._last;
    this._hold.hold();
  }

  /** Forget the environment of a notebook that was moved to a kernel outside of containers. */
  private async _forget(from: string, to: string): Promise<void> {
    const { switcher } = this._options;
    const wasOurs = switcher.environment(from) !== null;
    if (wasOurs && (await this._isKnown(to)) && !switcher.environment(to)) {
      this._write(null);
    }
  }

  private _onStatus(_: ISessionContext, status: Kernel.Status): void {
    const kernel = this._panel.sessionContext.session?.kernel;
    const isRunning = status === 'idle' || status === 'busy';
    // once for each kernel: with several pages on one notebook, none may write of an older one
    if (kernel && isRunning) {
      this._last = kernel.name;
    }
    if (kernel && isRunning && kernel.id !== this._written) {
      this._written = kernel.id;
      void this._remember(kernel.name);
    }
  }

  private async _remember(name: string): Promise<void> {
    if (await this._isKnown(name)) {
      const facts = this._options.switcher.environment(name);
      const now = rememberEnvironment(facts);
      if (now && !isSameEnvironment(now, this.remembered)) {
        this._write(now);
      } else if (!now && this._wasOurs) {
        this._write(null); // moved to a kernel outside of containers
      }
      this._wasOurs = now !== null;
    }
  }

  private _write(remembered: IRemembered | null): void {
    const { context } = this._panel;
    const { model } = context;
    const isWritable =
      context.contentsModel?.writable !== false && !model.readOnly;
    const isWanted =
      this._options.preferences?.values.rememberInNotebooks !== false;
    if (this._isDisposed || !context.isReady || !isWritable || !isWanted) {
      return;
    }
    if (remembered) {
      model.setMetadata(METADATA_KEY, toMetadata(remembered));
    } else if (model.getMetadata(METADATA_KEY) !== undefined) {
      model.deleteMetadata(METADATA_KEY);
    }
  }

  /** Whether it is known what a kernelspec is; one that is new is looked for. */
  private async _isKnown(name: string): Promise<boolean> {
    const { kernelspecs } = this._options;
    if (!kernelspecs.specs?.kernelspecs[name]) {
      await kernelspecs.refreshSpecs();
    }
    return kernelspecs.specs?.kernelspecs[name] !== undefined;
  }

  /** Title of the notebook's kernelspec; anybody may have written it. */
  private _title(): string {
    const { model } = this._panel.context;
    const kernelspec: unknown = model.getMetadata('kernelspec');
    const title =
      typeof kernelspec === 'object' && kernelspec !== null
        ? (kernelspec as Record<string, unknown>).display_name
        : null;
    return typeof title === 'string' ? title.slice(0, LONGEST_TITLE) : '';
  }

  private _banner: NotebookBanner;
  private _catalogue: readonly ICatalogueEntry[] = [];
  private _isDisposed = false;
  /** Whether something is to be offered. */
  private _isOpen = false;
  private _hold: KernelHold;
  /** Name of the kernel that ran last. */
  private _last = '';
  /** Name of the environment whose kernel has ended; empty while one runs. */
  private _stopped = '';
  /** Whether the kernel before this one ran in an environment. */
  private _wasOurs = false;
  /** The kernel of which was written last. */
  private _written = '';
}

/** Types of the notice. */
export namespace RememberedNotice {
  /** What all notices share. */
  export interface IOptions {
    commands: CommandRegistry;
    kernelspecs: KernelSpec.IManager;
    model: IGpuContainersModel;
    preferences: IPreferences | null;
    questions: IKernelQuestions;
    switcher: IKernelSwitcher;
    trans: TranslationBundle;
    /** The catalogue, which is asked of this server once; never rejects. */
    catalogue: () => Promise<readonly ICatalogueEntry[]>;
  }
}

/** Without what cannot be compared. */
function asJson(content: NotebookBanner.IContent | null): PartialJSONValue {
  return JSON.parse(JSON.stringify(content)) as PartialJSONValue;
}
