// A failure in words, with what can be done about it.
import * as React from 'react';
import { IProblem } from '../client/wire';

/** Shows the last lines of a log; one that is long can be scrolled by keyboard, too. */
export function Log(props: {
  text: string;
  label?: string;
}): React.JSX.Element {
  const { label, text } = props;
  return (
    <pre
      aria-label={label}
      className="jp-GpuContainers-log"
      role={label && 'region'}
      tabIndex={0}
    >
      {text}
    </pre>
  );
}

/** Shows a problem, announced by screen readers; or only a fact, such as that there is no driver. */
export function Problem(props: {
  problem: IProblem;
  isFact?: boolean;
}): React.JSX.Element {
  const { problem, isFact = false } = props;
  return (
    <div
      className="jp-GpuContainers-problem"
      data-fact={isFact || undefined}
      role={isFact ? 'note' : 'alert'}
    >
      <div>{problem.message}</div>
      {problem.hint && (
        <div className="jp-GpuContainers-hint">{problem.hint}</div>
      )}
      {problem.log && <Log text={problem.log} />}
    </div>
  );
}
