// Jobs: how far they are, how fast, how long still; and what failed.
import { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import { formatSize, formatTransfer } from '../model/format';
import {
  fraction,
  hasEnded,
  jobTitle,
  layersDone,
  progressText
} from '../model/jobs';
import { jobAgain, jobRemedy } from '../model/jobRemedies';
import { IJob, IStep } from '../client/wireImages';
import { JobLog } from './jobLog';
import { IProblemAction, Problem } from '../widgets/problem';
import { IconButton } from '../widgets/iconButton';

const SIGNS = { pull: '↓', push: '↑', build: '⚒', commit: '⊕' } as const;

interface IJobProps {
  commands: CommandRegistry;
  trans: TranslationBundle;
}

/** The Jobs section of the panel. */
export function Jobs(
  props: IJobProps & { jobs: readonly IJob[] }
): React.JSX.Element {
  const { jobs, ...rest } = props;
  return (
    <ul className="jp-GpuContainers-list">
      {jobs.map(job => (
        <Job key={job.id} {...rest} job={job} />
      ))}
    </ul>
  );
}

/** Whether a job has a row: while it is in progress, or to say why it failed. */
export function isShown(job: IJob): boolean {
  return !hasEnded(job) || job.state === 'failed';
}

function Job(props: IJobProps & { job: IJob }): React.JSX.Element {
  const { job, commands, trans } = props;
  const { id, kind, reference } = job;
  const isOver = hasEnded(job);
  const title = jobTitle(trans, job);
  return (
    <li
      className="jp-GpuContainers-job"
      data-state={job.state}
      aria-label={title}
    >
      <div className="jp-GpuContainers-row">
        <span className="jp-GpuContainers-title" title={title}>
          <span aria-hidden="true">{`${SIGNS[kind]} `}</span>
          {shortName(reference)}
        </span>
        <IconButton
          removes
          icon={closeIcon}
          label={
            isOver
              ? trans.__('Dismiss: %1', title)
              : trans.__('Cancel: %1', title)
          }
          onClick={() => {
            void commands.execute(CommandIDs.cancelJob, { id });
          }}
        />
      </div>
      {isOver ? (
        <Failure {...props} />
      ) : (
        <Progress job={job} trans={trans} title={title} />
      )}
    </li>
  );
}

function Progress(props: {
  job: IJob;
  title: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { job, title, trans } = props;
  const share = fraction(job);
  const { done, all } = layersDone(job);
  return (
    <>
      <div className="jp-GpuContainers-row">
        {/* without a value the bar says that nobody knows */}
        <progress
          className="jp-GpuContainers-bar"
          aria-label={title}
          {...(share === null ? {} : { max: 1, value: share })}
        />
        {share !== null && (
          <span className="jp-GpuContainers-detail">
            {trans.__('%1 %', Math.floor(share * 100))}
          </span>
        )}
      </div>
      <span className="jp-GpuContainers-subtitle">
        {progressText(trans, job)}
      </span>
      {job.log.length > 0 && <JobLog job={job} trans={trans} />}
      {all > 0 && job.kind !== 'build' && (
        <details className="jp-GpuContainers-layers">
          <summary>
            {trans._n('%2 of %1 layer', '%2 of %1 layers', all, done)}
          </summary>
          <ul className="jp-GpuContainers-list">
            {job.steps
              .filter(({ id }) => id)
              .map(step => (
                <Layer key={step.id} step={step} trans={trans} />
              ))}
          </ul>
        </details>
      )}
    </>
  );
}

function Layer(props: {
  step: IStep;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { step, trans } = props;
  const { current, id, status, total } = step;
  const isMoving = current > 0 && current !== total && !step.done;
  const bytes =
    total === null
      ? formatSize(current)
      : formatTransfer(trans, current, total);
  return (
    <li className="jp-GpuContainers-row" data-done={step.done || undefined}>
      <code>{id}</code>
      <span className="jp-GpuContainers-detail" title={status}>
        {isMoving ? bytes : status}
      </span>
    </li>
  );
}

function Failure(props: IJobProps & { job: IJob }): React.JSX.Element {
  const { job, trans } = props;
  return (
    <>
      {job.error && (
        <Problem problem={job.error} actions={remedies(props)} trans={trans} />
      )}
      {job.log.length > 0 && <JobLog job={job} trans={trans} />}
    </>
  );
}

/** What can be done about a job that failed: the fitting thing, and to try it once more. */
function remedies({
  job,
  commands,
  trans
}: IJobProps & { job: IJob }): IProblemAction[] {
  const fitting = jobRemedy(trans, job);
  const again = jobAgain(trans, job);
  return [
    // the panel is where they would look
    ...(fitting && fitting.command !== CommandIDs.openPanel ? [fitting] : []),
    ...(again && again.label !== fitting?.label ? [again] : [])
  ].map(({ args, command, label }) => ({
    label,
    onClick: () => void commands.execute(command, args)
  }));
}

/** A reference without its registry and folders. */
function shortName(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1);
}
