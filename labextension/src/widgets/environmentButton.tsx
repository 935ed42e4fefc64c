// The notebook's toolbar button: names the environment and its kernel's state, or says how a start gets on.
import { ISessionContext } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, ToolbarButtonComponent } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { Message } from '@lumino/messaging';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import { chipIcon } from '../icons';
import { heldBy } from '../model/gpuKinds';
import { IFace, faceOf } from '../model/kernelState';
import { isInProgress } from '../model/launches';
import { ILaunch } from '../client/wire';
import { IGpuContainersModel, IKernelSwitcher } from '../tokens';
import { stateIcons } from './stateIcons';

/** Shown in the toolbar of every notebook while the server half answers. */
export class EnvironmentButton extends ReactWidget {
  constructor(private readonly _options: EnvironmentButton.IOptions) {
    super();
    this.addClass('jp-GpuContainers-toolbar');
    const { context, model, switcher } = _options;
    model.changed.connect(this._onModelChanged, this);
    switcher.changed.connect(this._onSwitched, this);
    context.kernelChanged.connect(this._refresh, this);
    context.statusChanged.connect(this._refresh, this);
    context.connectionStatusChanged.connect(this._refresh, this);
    model.launchChanged.connect(this._refresh, this);
    this._onModelChanged();
  }

  override dispose(): void {
    if (this.isDisposed) {
      return;
    }
    const { context, model, switcher } = this._options;
    model.changed.disconnect(this._onModelChanged, this);
    switcher.changed.disconnect(this._onSwitched, this);
    context.kernelChanged.disconnect(this._refresh, this);
    context.statusChanged.disconnect(this._refresh, this);
    context.connectionStatusChanged.disconnect(this._refresh, this);
    model.launchChanged.disconnect(this._refresh, this);
    super.dispose();
  }

  /** Learn which GPU it is, for who is about to read it. */
  handleEvent(): void {
    const { model } = this._options;
    if (model.available && this._own()?.gpus.length) {
      void model.loadGpus();
    }
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this.node.addEventListener('pointerenter', this);
    this.node.addEventListener('focusin', this);
  }

  protected override onBeforeDetach(msg: Message): void {
    this.node.removeEventListener('pointerenter', this);
    this.node.removeEventListener('focusin', this);
    super.onBeforeDetach(msg);
  }

  protected override onUpdateRequest(msg: Message): void {
    super.onUpdateRequest(msg);
    // JupyterLab's own button would show the same name once more
    const kernel = this._options.context.session?.kernel?.name ?? '';
    const isOurs = this._options.switcher.environment(kernel) !== null;
    this.parent?.toggleClass('jp-mod-gpuEnvironment', isOurs);
  }

  protected render(): React.JSX.Element {
    const { commands, context } = this._options;
    const { isStarting, label, state, tooltip } = this._face();
    return (
      <ToolbarButtonComponent
        icon={state ? stateIcons[state] : chipIcon}
        label={label}
        // also its description to screen readers: with the state in words
        tooltip={tooltip}
        onClick={() => {
          const id = isStarting
            ? CommandIDs.showLaunch
            : CommandIDs.selectEnvironment;
          void commands.execute(id, { path: context.path });
        }}
      />
    );
  }

  private _face(): IFace {
    const { context, switcher, trans } = this._options;
    const pending = switcher.pending(context);
    const kernel = context.session?.kernel;
    const own = this._own();
    const launch = pending ? pending.launch : own;
    return faceOf(trans, {
      isPending: pending !== null,
      launch,
      isStarting: launch !== null && isInProgress(launch),
      gpus: this._gpus(),
      isOurs: switcher.environment(kernel?.name ?? '') !== null,
      kernelName: context.kernelDisplayName,
      status: context.kernelDisplayStatus
    });
  }

  /** What the kernel came from; also a start by Jupyter itself: a notebook that was opened, a restart. */
  private _own(): ILaunch | null {
    const { context, model } = this._options;
    const kernel = context.session?.kernel;
    return (
      model.launches.find(
        ({ kernel_id }) => kernel_id !== null && kernel_id === kernel?.id
      ) ?? null
    );
  }

  /** Which GPUs the kernel has, in words. */
  private _gpus(): string {
    const { model, trans } = this._options;
    const own = this._own();
    return own ? heldBy(trans, own, model.gpus?.gpus ?? []) : '';
  }

  private _onModelChanged(): void {
    const gpus = this._gpus();
    if (gpus !== this._named) {
      this._named = gpus;
      this.update();
    }
    const hidden = !this._options.model.available;
    if (hidden !== this.isHidden) {
      this.setHidden(hidden);
    }
  }

  private _onSwitched(_: IKernelSwitcher, context: ISessionContext): void {
    if (context === this._options.context) {
      this.update();
    }
  }

  private _refresh(): void {
    this.update();
  }

  /** Which GPUs were named last. */
  private _named = '';
}

/** Types of the button. */
export namespace EnvironmentButton {
  /** What the button is made of. */
  export interface IOptions {
    context: ISessionContext;
    model: IGpuContainersModel;
    switcher: IKernelSwitcher;
    commands: CommandRegistry;
    trans: TranslationBundle;
  }
}
