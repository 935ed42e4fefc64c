// The notebook's toolbar button: names the environment, or says what its launch is doing.
import { ISessionContext } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import {
  LabIcon,
  ReactWidget,
  ToolbarButtonComponent,
  refreshIcon
} from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { Message } from '@lumino/messaging';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import { phaseLabel } from '../model/format';
import { chipIcon } from '../icons';
import { placeDetails, placeLabel } from '../model/queue';
import { IGpuContainersModel, IKernelSwitcher } from '../tokens';

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
    const { icon, label, tooltip, busy } = this._face();
    return (
      <ToolbarButtonComponent
        className={busy ? 'jp-mod-busy' : ''}
        icon={icon}
        label={label}
        tooltip={tooltip}
        onClick={() => {
          const id = busy
            ? CommandIDs.showLaunch
            : CommandIDs.selectEnvironment;
          void commands.execute(id, { path: context.path });
        }}
      />
    );
  }

  private _face(): EnvironmentButton.IFace {
    const { context, switcher, trans } = this._options;
    const pending = switcher.pending(context);
    if (pending) {
      const phase = pending.launch?.phase ?? 'queued';
      const place = pending.launch?.queue;
      if (place) {
        return {
          busy: true,
          icon: refreshIcon,
          label: placeLabel(trans, place),
          tooltip: [
            placeDetails(trans, place),
            trans.__('Click to start on the CPU, or to leave the queue.')
          ]
            .filter(Boolean)
            .join(' ')
        };
      }
      return {
        busy: true,
        icon: refreshIcon,
        label: trans.__('%1…', phaseLabel(trans, phase)),
        tooltip: trans.__('Show how the start gets on, or cancel it')
      };
    }
    const kernel = context.session?.kernel?.name ?? '';
    const isOurs = switcher.environment(kernel) !== null;
    return {
      busy: false,
      icon: chipIcon,
      label: isOurs
        ? context.kernelDisplayName
        : trans.__('Select environment'),
      tooltip: isOurs
        ? trans.__('Switch this notebook to another image or number of GPUs')
        : trans.__('Run this notebook in a container, on a GPU of its own')
    };
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

  /** What the button shows. */
  export interface IFace {
    busy: boolean;
    icon: LabIcon;
    label: string;
    tooltip: string;
  }
}
