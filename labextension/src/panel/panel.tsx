// The panel at the side: GPUs, what runs, jobs, images and registries.
import { ReactWidget } from '@jupyterlab/ui-components';
import { IDisposable } from '@lumino/disposable';
import { Message } from '@lumino/messaging';
import * as React from 'react';
import { chipIcon } from '../icons';
import {
  GpusSection,
  IPanelProps,
  ImagesSection,
  JobsSection,
  RegistriesSection,
  RunningSection
} from './sections';
import { Status } from './status';

/**
 * The panel; it keeps the model fresh while it is visible. While it is not, it costs nothing: nothing
 * is drawn before it is first shown, and nothing is drawn anew while it is hidden.
 */
export class GpuContainersPanel extends ReactWidget {
  /** Id of the widget in the shell. */
  static readonly ID = 'jupyter-gpu-containers-panel';

  constructor(private readonly _props: IPanelProps) {
    super();
    const { jobs, model, registries, sessions, trans } = _props;
    this.id = GpuContainersPanel.ID;
    this.addClass('jp-GpuContainers-panel');
    this.title.icon = chipIcon;
    this.title.caption = trans.__('GPUs and containers');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('GPUs and containers'));
    model.changed.connect(this._follow, this);
    jobs.changed.connect(this._follow, this);
    registries.changed.connect(this._follow, this);
    sessions.runningChanged.connect(this._follow, this);
  }

  protected override onAfterShow(msg: Message): void {
    const { model, registries } = this._props;
    this.update();
    this._watching ??= model.watch();
    void registries.refresh();
  }

  protected override onAfterHide(msg: Message): void {
    this._stopWatching();
  }

  protected override onBeforeDetach(msg: Message): void {
    this._stopWatching();
    super.onBeforeDetach(msg);
  }

  protected override onUpdateRequest(msg: Message): void {
    if (this.isVisible) {
      super.onUpdateRequest(msg);
    }
  }

  protected render(): React.JSX.Element {
    return <Panel {...this._props} />;
  }

  /** Something has changed: drawn with the next frame, with all that changes until then. */
  private _follow(): void {
    this.update();
  }

  private _stopWatching(): void {
    this._watching?.dispose();
    this._watching = null;
  }

  private _watching: IDisposable | null = null;
}

function Panel(props: IPanelProps): React.JSX.Element {
  return (
    <>
      <Status {...props} />
      <GpusSection {...props} />
      <RunningSection {...props} />
      <JobsSection {...props} />
      <ImagesSection {...props} />
      <RegistriesSection {...props} />
    </>
  );
}
