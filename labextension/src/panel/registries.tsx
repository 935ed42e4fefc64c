// The registries that this user is logged in to.
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import { ILogin } from '../client/wireImages';
import { Empty } from './section';

/** The registries section of the panel. */
export function Registries(props: {
  logins: readonly ILogin[];
  commands: CommandRegistry;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { logins, commands, trans } = props;
  if (logins.length === 0) {
    return (
      <Empty>
        {trans.__('Not logged in anywhere. Public images need no login.')}
      </Empty>
    );
  }
  return (
    <ul className="jp-GpuContainers-list">
      {logins.map(({ host, username }) => (
        <li key={host} className="jp-GpuContainers-registry">
          <span className="jp-GpuContainers-row">
            <span className="jp-GpuContainers-title" title={host}>
              {host}
            </span>
            <span className="jp-GpuContainers-state" title={username}>
              {username}
            </span>
            <button
              className="jp-GpuContainers-link"
              aria-label={trans.__('Log out of %1', host)}
              onClick={() => {
                void commands.execute(CommandIDs.logout, { host });
              }}
            >
              {trans.__('Log out')}
            </button>
          </span>
        </li>
      ))}
    </ul>
  );
}
