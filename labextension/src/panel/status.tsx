// What stands above the sections: the heading, and what keeps everything else from working.
import { Clipboard } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { ToolbarButtonComponent, refreshIcon } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import { commandsOf } from '../model/hints';
import { IFinding, IProblem } from '../client/wire';
import { IGpuContainersModel } from '../tokens';
import { IProblemAction, Problem } from '../widgets/problem';

interface IStatusProps {
  model: IGpuContainersModel;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

/** The heading, whether all of this is made up, and what stands in the way of everything else. */
export function Status(props: IStatusProps): React.JSX.Element {
  const { model, commands, trans } = props;
  const problem = obstacle(model);
  return (
    <>
      <div className="jp-GpuContainers-header">
        <h2>{trans.__('GPU containers')}</h2>
        <ToolbarButtonComponent
          icon={refreshIcon}
          tooltip={trans.__('Refresh')}
          onClick={() => {
            void commands.execute(CommandIDs.refresh);
          }}
        />
      </div>
      {model.status?.demo && (
        <p className="jp-GpuContainers-demo" role="note">
          {trans.__(
            'Demo: the containers and GPUs are made up; kernels run as ordinary processes.'
          )}
        </p>
      )}
      {problem && (
        <div className="jp-GpuContainers-obstacle">
          <Problem
            problem={problem}
            actions={[
              tryAgain(commands, trans),
              ...commandsOf(problem.hint)
                .slice(0, 1)
                .map(command => ({
                  label: trans.__('Copy command'),
                  onClick: () => Clipboard.copyToSystem(command)
                }))
            ]}
            trans={trans}
          />
        </div>
      )}
      {!problem && (
        <Findings findings={model.status?.findings ?? []} trans={trans} />
      )}
    </>
  );
}

/** What is wrong with the machine, folded up: what works is not in its way. */
function Findings(props: {
  findings: readonly IFinding[];
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { findings, trans } = props;
  if (findings.length === 0) {
    return null;
  }
  return (
    <details className="jp-GpuContainers-findings">
      <summary>
        {trans._n(
          '%1 problem was found on this machine',
          '%1 problems were found on this machine',
          findings.length
        )}
      </summary>
      {findings.map(finding => (
        <Problem
          key={finding.name}
          problem={problemOf(finding)}
          isFact
          trans={trans}
        />
      ))}
    </details>
  );
}

/** A finding with its advice and its command, which can be copied. */
function problemOf({ advice, fix, message, name }: IFinding): IProblem {
  const command = `\`${fix}\``;
  const hint = advice.includes(command)
    ? advice
    : [advice, command].filter(Boolean).join(' ');
  return { code: name, message, hint };
}

/** What keeps everything else from working: there is no engine, or no answer; null for nothing. */
export function obstacle(model: IGpuContainersModel): IProblem | null {
  const { problem, problems, status } = model;
  const isAllLost = status === null && problem !== null;
  return (
    status?.problem ?? problems.status ?? (isAllLost ? problem : null) ?? null
  );
}

/** Load everything anew. */
export function tryAgain(
  commands: CommandRegistry,
  trans: TranslationBundle
): IProblemAction {
  return {
    label: trans.__('Try again'),
    onClick: () => {
      void commands.execute(CommandIDs.refresh);
    }
  };
}
