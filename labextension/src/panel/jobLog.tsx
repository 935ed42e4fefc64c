// What a build writes, line by line.
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { jobTitle } from '../model/jobs';
import { IJob } from '../client/wireImages';

/** The last lines of a job; it follows them unless somebody has scrolled up. */
export function JobLog(props: {
  job: IJob;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { job, trans } = props;
  const lines = React.useRef<HTMLPreElement>(null);
  const follows = React.useRef(true);
  const follow = () => {
    const node = lines.current;
    if (node && follows.current) {
      node.scrollTop = node.scrollHeight;
    }
  };
  React.useEffect(follow, [job.log]);
  return (
    <details className="jp-GpuContainers-jobLog" onToggle={follow}>
      <summary>{trans.__('Log')}</summary>
      <pre
        ref={lines}
        tabIndex={0}
        role="log"
        aria-live="off"
        aria-label={trans.__('Log: %1', jobTitle(trans, job))}
        onScroll={({ currentTarget: node }) => {
          const below = node.scrollHeight - node.scrollTop - node.clientHeight;
          follows.current = below < 8;
        }}
      >
        {job.log.join('\n')}
      </pre>
    </details>
  );
}
