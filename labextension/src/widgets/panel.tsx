// The panel at the side: GPUs, kernels and images.
import { TranslationBundle } from '@jupyterlab/translation';
import {
  ReactWidget,
  ToolbarButtonComponent,
  UseSignal,
  refreshIcon
} from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { IDisposable } from '@lumino/disposable';
import { Message } from '@lumino/messaging';
import * as React from 'react';
import { CommandIDs } from '../commandIds';
import { chipIcon } from '../icons';
import { isFinal } from '../launches';
import { IGpuContainersModel } from '../tokens';
import { Gpus, freeGpus } from './gpus';
import { Images } from './images';
import { Kernels } from './kernels';
import { Problem } from './problem';

interface IPanelProps {
  model: IGpuContainersModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

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
    this._watching ??= this._props.model.watch();
  }

  protected override onAfterHide(msg: Message): void {
    this._stopWatching();
  }

  protected override onBeforeDetach(msg: Message): void {
    this._stopWatching();
    super.onBeforeDetach(msg);
  }

  protected render(): React.JSX.Element {
    return (
      <UseSignal signal={this._props.model.changed}>
        {() => <Panel {...this._props} />}
      </UseSignal>
    );
  }

  private _stopWatching(): void {
    this._watching?.dispose();
    this._watching = null;
  }

  private _watching: IDisposable | null = null;
}

function Panel({ model, commands, trans }: IPanelProps): React.JSX.Element {
  const problem = model.status?.problem ?? model.problem;
  const { gpus, images } = model;
  const launches = model.launches.filter(({ phase }) => !isFinal(phase));
  return (
    <>
      <header className="jp-GpuContainers-header">
        <h2>{trans.__('GPU containers')}</h2>
        <ToolbarButtonComponent
          icon={refreshIcon}
          tooltip={trans.__('Refresh')}
          onClick={() => {
            void commands.execute(CommandIDs.refresh);
          }}
        />
      </header>
      {model.status?.demo && (
        <p className="jp-GpuContainers-demo" role="note">
          {trans.__(
            'Demo: the containers and GPUs are made up; kernels run as ordinary processes.'
          )}
        </p>
      )}
      {problem && <Problem problem={problem} />}
      {!problem && !model.status && (
        <p className="jp-GpuContainers-empty" role="status">
          {trans.__('Loading…')}
        </p>
      )}
      {gpus && (
        <Section
          title={trans.__('GPUs')}
          detail={gpus.gpus.length ? freeGpus(trans, gpus) : ''}
        >
          <Gpus gpus={gpus} trans={trans} />
        </Section>
      )}
      {model.status && (
        <Section title={trans.__('Kernels')}>
          <Kernels
            launches={launches}
            gpus={gpus?.gpus ?? []}
            commands={commands}
            trans={trans}
          />
        </Section>
      )}
      {images && (
        <Section title={trans.__('Images')}>
          <Images images={images} commands={commands} trans={trans} />
        </Section>
      )}
    </>
  );
}

function Section(props: {
  title: string;
  detail?: string;
  children: React.ReactNode;
}): React.JSX.Element {
  return (
    <section className="jp-GpuContainers-section" aria-label={props.title}>
      <h3>
        {props.title}
        {props.detail && (
          <span className="jp-GpuContainers-detail">{props.detail}</span>
        )}
      </h3>
      {props.children}
    </section>
  );
}
