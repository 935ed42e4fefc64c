// The notebook's toolbar button: names the environment and its kernel's state, or says how a start gets on.
import { ISessionContext } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, ToolbarButtonComponent } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { Message } from '@lumino/messaging';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import { chipIcon } from '../icons';
import { IFace, faceOf } from '../model/kernelState';
import { isInProgress } from '../model/launches';
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
    const { context, model, switcher, trans } = this._options;
    const pending = switcher.pending(context);
    const kernel = context.session?.kernel;
    // also a start by Jupyter itself: a notebook that was opened, a restart
    const own = model.launches.find(
      ({ kernel_id }) => kernel_id !== null && kernel_id === kernel?.id
    );
    const launch = pending ? pending.launch : (own ?? null);
    return faceOf(trans, {
      isPending: pending !== null,
      launch,
      isStarting: launch !== null && isInProgress(launch),
      isOurs: switcher.environment(kernel?.name ?? '') !== null,
      kernelName: context.kernelDisplayName,
      status: context.kernelDisplayStatus
    });
  }

  private _onModelChanged(): void {
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
