// The panel at the side: GPUs, what runs, jobs, images and registries.
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
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

/** The panel; it keeps the model fresh while it is visible. */
export class GpuContainersPanel extends ReactWidget {
  /** Id of the widget in the shell. */
  static readonly ID = 'jupyter-gpu-containers-panel';

  constructor(private readonly _props: IPanelProps) {
    super();
    const { trans } = _props;
    this.id = GpuContainersPanel.ID;
    this.addClass('jp-GpuContainers-panel');
    this.title.icon = chipIcon;
    this.title.caption = trans.__('GPUs and containers');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('GPUs and containers'));
  }

  protected override onAfterShow(msg: Message): void {
    const { model, registries } = this._props;
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

  protected render(): React.JSX.Element {
    return <Panel {...this._props} />;
  }

  private _stopWatching(): void {
    this._watching?.dispose();
    this._watching = null;
  }

  private _watching: IDisposable | null = null;
}

function Panel(props: IPanelProps): React.JSX.Element {
  const { model, jobs, registries, sessions } = props;
  return (
    <>
      <UseSignal signal={model.changed}>
        {() => (
          <>
            <Status {...props} />
            <GpusSection {...props} />
            <UseSignal signal={sessions.runningChanged}>
              {() => <RunningSection {...props} />}
            </UseSignal>
          </>
        )}
      </UseSignal>
      <UseSignal signal={jobs.changed}>
        {() => <JobsSection {...props} />}
      </UseSignal>
      <UseSignal signal={model.changed}>
        {() => (
          <UseSignal signal={registries.changed}>
            {() => (
              <>
                <ImagesSection {...props} />
                <RegistriesSection {...props} />
              </>
            )}
          </UseSignal>
        )}
      </UseSignal>
    </>
  );
}
