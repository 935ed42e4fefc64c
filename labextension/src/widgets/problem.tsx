// A failure in words, with what can be done about it.
import * as React from 'react';
import { IProblem } from '../client/wire';

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
    </div>
  );
}
