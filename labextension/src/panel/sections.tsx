// The sections of the panel, each by itself: what it shows, and what it says while it has nothing.
import { Session } from '@jupyterlab/services';
import { TranslationBundle } from '@jupyterlab/translation';
import {
  ToolbarButtonComponent,
  addIcon,
  buildIcon
} from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import { isFinal } from '../model/launches';
import { SectionsModel } from '../model/sections';
import {
  IGpuContainersModel,
  IJobsModel,
  IRegistriesModel,
  Resource
} from '../tokens';
import { Gpus, freeGpus } from './gpus';
import { Images } from './images';
import { Jobs, isShown } from './jobs';
import { Registries } from './registries';
import { Running } from './running';
import { Empty, Section, Skeleton } from './section';
import { Spares } from './spares';
import { obstacle, tryAgain } from './status';
import { Problem } from '../widgets/problem';

/** What the panel is made of. */
export interface IPanelProps {
  model: IGpuContainersModel;
  jobs: IJobsModel;
  registries: IRegistriesModel;
  /** Which sections are open. */
  sections: SectionsModel;
  /** The sessions of this server. */
  sessions: Session.IManager;
  commands: CommandRegistry;
  trans: TranslationBundle;
  /** BCP 47 tag of the language that times are told in. */
  language: string;
}

/** The GPUs of the machine. */
export function GpusSection(props: IPanelProps): React.JSX.Element | null {
  const { model, commands, language, trans } = props;
  const { gpus } = model;
  if (isLost(props, 'gpus', gpus === null)) {
    return null;
  }
  return (
    <Section
      {...props}
      id="gpus"
      title={trans.__('GPUs')}
      detail={gpus?.gpus.length ? freeGpus(trans, gpus) : ''}
    >
      <Failure {...props} resource="gpus" />
      {gpus ? (
        <Gpus
          gpus={gpus}
          commands={commands}
          language={language}
          trans={trans}
        />
      ) : (
        <Loading {...props} resource="gpus" />
      )}
    </Section>
  );
}

/** The kernels in containers, and those on their way. */
export function RunningSection(props: IPanelProps): React.JSX.Element | null {
  const { model, sessions, commands, language, trans } = props;
  const launches = model.launches.filter(({ phase }) => !isFinal(phase));
  const isEmpty = launches.length === 0;
  if (isEmpty && obstacle(model)) {
    return null;
  }
  return (
    <Section
      {...props}
      id="running"
      title={trans.__('Running')}
      detail={isEmpty ? '' : String(launches.length)}
    >
      <Failure {...props} resource="launches" />
      {model.status || !isEmpty ? (
        <Running
          launches={launches}
          gpus={model.gpus?.gpus ?? []}
          sessions={[...sessions.running()]}
          commands={commands}
          language={language}
          trans={trans}
        />
      ) : (
        <Loading {...props} resource="launches" />
      )}
      <Spares spares={model.status?.spares} commands={commands} trans={trans} />
    </Section>
  );
}

/** What is pulled, pushed, built or saved; only while there is something. */
export function JobsSection(props: IPanelProps): React.JSX.Element | null {
  const { jobs, commands, trans } = props;
  const shown = jobs.jobs.filter(isShown);
  return shown.length === 0 ? null : (
    <Section
      {...props}
      id="jobs"
      title={trans.__('Jobs')}
      detail={String(shown.length)}
    >
      <Jobs jobs={shown} commands={commands} trans={trans} />
    </Section>
  );
}

/** The images on this machine, and those that are recommended. */
export function ImagesSection(props: IPanelProps): React.JSX.Element | null {
  const { model, registries, commands, trans } = props;
  if (isLost(props, 'images', model.images === null)) {
    return null;
  }
  return (
    <Section
      {...props}
      id="images"
      title={trans.__('Images')}
      tools={
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
      {obstacle(model) && model.images === null ? (
        <Empty>
          {trans.__(
            'Images are shown as soon as the container engine answers.'
          )}
        </Empty>
      ) : (
        <Images
          images={model.images}
          problem={obstacle(model) ? null : (model.problems.images ?? null)}
          recommended={registries.recommended}
          recommendedProblem={registries.recommendedProblem}
          loadRecommended={() => void registries.loadRecommended()}
          commands={commands}
          trans={trans}
        />
      )}
    </Section>
  );
}

/** The registries with a login. */
export function RegistriesSection(
  props: IPanelProps
): React.JSX.Element | null {
  const { model, registries, commands, trans } = props;
  const { logins, problem } = registries;
  if (!logins && isLost(props, 'status', model.status === null)) {
    return null;
  }
  return (
    <Section
      {...props}
      id="registries"
      title={trans.__('Registries')}
      tools={
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
      {problem && (
        <Problem
          problem={problem}
          actions={[
            {
              label: trans.__('Try again'),
              onClick: () => void registries.refresh()
            }
          ]}
          trans={trans}
        />
      )}
      {logins && (
        <Registries logins={logins} commands={commands} trans={trans} />
      )}
      {!logins && !problem && <Skeleton rows={1} trans={trans} />}
    </Section>
  );
}

/** Whether a section has nothing to show because nothing at all answers, which is said above. */
function isLost(
  { model }: IPanelProps,
  resource: Resource,
  isEmpty: boolean
): boolean {
  const isFailed = model.status === null && obstacle(model) !== null;
  return isEmpty && (isFailed || isSaid(model, resource));
}

/** Whether the problem of a part is the one that is shown above all sections. */
function isSaid(model: IGpuContainersModel, resource: Resource): boolean {
  const code = model.problems[resource]?.code;
  return (
    resource !== 'images' &&
    code !== undefined &&
    code === obstacle(model)?.code
  );
}

/** Why one part could not be loaded, while others stand. */
function Failure(
  props: IPanelProps & { resource: Resource }
): React.JSX.Element | null {
  const { model, resource, commands, trans } = props;
  const problem = model.problems[resource];
  return problem && !isSaid(model, resource) ? (
    <Problem
      problem={problem}
      actions={[tryAgain(commands, trans)]}
      trans={trans}
    />
  ) : null;
}

/** Until something is loaded; not where it failed, which is said. */
function Loading(
  props: IPanelProps & { resource: Resource }
): React.JSX.Element | null {
  const { model, resource, trans } = props;
  return model.problems[resource] ? null : <Skeleton rows={2} trans={trans} />;
}
