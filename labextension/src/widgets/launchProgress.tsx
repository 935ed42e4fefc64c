// How a start gets on, and why it failed: one line a step, each with the seconds it took.
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import { ISignal } from '@lumino/signaling';
import * as React from 'react';
import { hasRun, isInProgress } from '../model/launches';
import { IStep, stepsOf } from '../model/launchSteps';
import { placeDetails } from '../model/queue';
import { ILaunch } from '../client/wire';
import { Problem } from './problem';

/** Body of the dialog that follows a start. */
export class LaunchProgress extends ReactWidget {
  /**
   * @param _changed - emitted when the launch may have changed
   * @param _launch - the launch; null until the server has accepted the request
   */
  constructor(
    private readonly _changed: ISignal<unknown, unknown>,
    private readonly _launch: () => ILaunch | null,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-GpuContainers-progress');
  }

  protected render(): React.JSX.Element {
    return (
      <UseSignal signal={this._changed}>
        {() => {
          const launch = this._launch();
          return launch ? (
            <Steps launch={launch} trans={this._trans} />
          ) : (
            <p role="status">{this._trans.__('Asking Jupyter Server…')}</p>
          );
        }}
      </UseSignal>
    );
  }
}

function Steps(props: {
  launch: ILaunch;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { launch, trans } = props;
  const [now, setNow] = React.useState(Date.now);
  const isMoving = isInProgress(launch);
  React.useEffect(() => {
    const timer = isMoving && setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer || undefined);
  }, [isMoving]);
  const steps = stepsOf(trans, launch, now);
  return (
    <>
      <div role="status">
        <ol>
          {steps.map(step => (
            <Step key={step.kind} step={step} trans={trans} />
          ))}
        </ol>
      </div>
      {launch.queue && <p role="note">{placeDetails(trans, launch.queue)}</p>}
      {launch.error && <Problem problem={launch.error} />}
      {launch.phase === 'failed' && !hasRun(launch) && (
        <p>
          {trans.__(
            'The notebook keeps the kernel that it had, if any. Cells that were waiting were not run.'
          )}
        </p>
      )}
    </>
  );
}

function Step(props: {
  step: IStep;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { step, trans } = props;
  const { label, seconds, state } = step;
  const words = {
    done: trans.__('done'),
    current: trans.__('in progress'),
    failed: trans.__('failed'),
    todo: trans.__('to come')
  }[state];
  return (
    <li
      aria-current={state === 'current' ? 'step' : undefined}
      data-state={state}
    >
      <span>
        {label}{' '}
        <span className="jp-GpuContainers-unseen">
          {trans.__('(%1)', words)}
        </span>
      </span>
      {seconds !== null && (
        <span className="jp-GpuContainers-detail">
          {trans.__('%1 s', seconds.toFixed(state === 'current' ? 0 : 1))}
        </span>
      )}
    </li>
  );
}
