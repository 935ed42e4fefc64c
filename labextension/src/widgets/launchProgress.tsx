// How the launch of a notebook gets on: one line a phase, each with the seconds it took.
import { ISessionContext } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';
import { phaseLabel } from '../model/format';
import { placeDetails, placeLabel } from '../model/queue';
import { IKernelSwitcher } from '../tokens';
import { ILaunch } from '../client/wire';

/** Body of the dialog that follows a launch. */
export class LaunchProgress extends ReactWidget {
  constructor(
    private readonly _switcher: IKernelSwitcher,
    private readonly _context: ISessionContext,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-GpuContainers-progress');
  }

  protected render(): React.JSX.Element {
    return (
      <UseSignal signal={this._switcher.changed}>
        {() => {
          const launch = this._switcher.pending(this._context)?.launch;
          return launch ? (
            <>
              <Phases launch={launch} trans={this._trans} />
              {launch.queue && (
                <p role="note">{placeDetails(this._trans, launch.queue)}</p>
              )}
            </>
          ) : (
            <p role="status">{this._trans.__('Asking Jupyter Server…')}</p>
          );
        }}
      </UseSignal>
    );
  }
}

function Phases(props: {
  launch: ILaunch;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { launch, trans } = props;
  const [now, setNow] = React.useState(Date.now);
  React.useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, []);
  return (
    <ol role="status">
      {launch.phases.map(({ phase, at }, index) => {
        const next = launch.phases[index + 1];
        const end = next ? Date.parse(next.at) : Math.max(now, Date.parse(at));
        const seconds = (end - Date.parse(at)) / 1000;
        return (
          <li key={index} data-current={!next || undefined}>
            <span>
              {launch.queue && !next
                ? placeLabel(trans, launch.queue)
                : phaseLabel(trans, phase)}
            </span>
            <span className="jp-GpuContainers-detail">
              {trans.__('%1 s', seconds.toFixed(next ? 1 : 0))}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
