// The panel at the side: GPUs, what runs, jobs, images and registries.
import { Session } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import {
  ReactWidget,
  ToolbarButtonComponent,
  UseSignal,
  addIcon,
  buildIcon,
  refreshIcon
} from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { IDisposable } from '@lumino/disposable';
import { Message } from '@lumino/messaging';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import { chipIcon } from '../icons';
import { isFinal } from '../model/launches';
import { IGpuContainersModel, IJobsModel, IRegistriesModel } from '../tokens';
import { Gpus, freeGpus } from './gpus';
import { Images } from './images';
import { Jobs, isShown } from './jobs';
import { Running } from './running';
import { Problem } from '../widgets/problem';
import { Registries } from './registries';

interface IPanelProps {
  model: IGpuContainersModel;
  jobs: IJobsModel;
  registries: IRegistriesModel;
  /** The sessions of this server. */
  sessions: Session.IManager;
  commands: CommandRegistry;
  trans: TranslationBundle;
  /** BCP 47 tag of the language that times are told in. */
  language: string;
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
  const { model, jobs, registries, sessions, commands, trans } = props;
  return (
    <>
      <UseSignal signal={model.changed}>
        {() => (
          <>
            <Status {...props} />
            <UseSignal signal={sessions.runningChanged}>
              {() => <Machine {...props} />}
            </UseSignal>
          </>
        )}
      </UseSignal>
      <UseSignal signal={jobs.changed}>
        {() => {
          const shown = jobs.jobs.filter(isShown);
          return (
            shown.length > 0 && (
              <Section title={trans.__('Jobs')}>
                <Jobs jobs={shown} commands={commands} trans={trans} />
              </Section>
            )
          );
        }}
      </UseSignal>
      <UseSignal signal={model.changed}>
        {() =>
          model.images && (
            <Section
              title={trans.__('Images')}
              button={
                <>
                  <ToolbarButtonComponent
                    icon={buildIcon}
                    tooltip={trans.__('Build an image…')}
                    onClick={() => {
                      void commands.execute(CommandIDs.build);
                    }}
                  />
                  <ToolbarButtonComponent
                    icon={addIcon}
                    label={trans.__('Add image…')}
                    tooltip={trans.__('Find an image and pull it')}
                    onClick={() => {
                      void commands.execute(CommandIDs.addImage);
                    }}
                  />
                </>
              }
            >
              <Images images={model.images} commands={commands} trans={trans} />
            </Section>
          )
        }
      </UseSignal>
      <UseSignal signal={registries.changed}>
        {() =>
          (registries.logins ?? registries.problem) && (
            <Section
              title={trans.__('Registries')}
              button={
                <ToolbarButtonComponent
                  icon={addIcon}
                  label={trans.__('Log in…')}
                  tooltip={trans.__('Log in to a registry')}
                  onClick={() => {
                    void commands.execute(CommandIDs.login);
                  }}
                />
              }
            >
              {registries.problem && <Problem problem={registries.problem} />}
              {registries.logins && (
                <Registries
                  logins={registries.logins}
                  commands={commands}
                  trans={trans}
                />
              )}
            </Section>
          )
        }
      </UseSignal>
    </>
  );
}

/** The heading, and what stands in the way of everything else. */
function Status({ model, commands, trans }: IPanelProps): React.JSX.Element {
  const problem = model.status?.problem ?? model.problem;
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
    </>
  );
}

/** The GPUs, and the kernels that have them. */
function Machine(props: IPanelProps): React.JSX.Element {
  const { model, sessions, commands, language, trans } = props;
  const { gpus } = model;
  const launches = model.launches.filter(({ phase }) => !isFinal(phase));
  return (
    <>
      {gpus && (
        <Section
          title={trans.__('GPUs')}
          detail={gpus.gpus.length ? freeGpus(trans, gpus) : ''}
        >
          <Gpus gpus={gpus} trans={trans} />
        </Section>
      )}
      {model.status && (
        <Section title={trans.__('Running')}>
          <Running
            launches={launches}
            gpus={gpus?.gpus ?? []}
            sessions={[...sessions.running()]}
            commands={commands}
            language={language}
            trans={trans}
          />
        </Section>
      )}
    </>
  );
}

function Section(props: {
  title: string;
  detail?: string;
  button?: React.ReactNode;
  children: React.ReactNode;
}): React.JSX.Element {
  return (
    <section className="jp-GpuContainers-section" aria-label={props.title}>
      <header>
        <h3>{props.title}</h3>
        {props.detail && (
          <span className="jp-GpuContainers-detail">{props.detail}</span>
        )}
        {props.button}
      </header>
      {props.children}
    </section>
  );
}
