// Which versions of an image run here. Asked on demand: registries count what they are asked.
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { splitReference } from '../model/references';
import { toProblem } from '../client/requests';
import { IGpuContainersModel } from '../tokens';
import { allReasons, needsWarning } from '../model/verdicts';
import { IProblem } from '../client/wire';
import { IImageDetails } from '../client/wireImages';
import { VerdictBadge } from '../widgets/verdict';

/** How many versions are asked about, and how many at once. */
const ASKED = 10;
const LANES = 3;

/** What came of the question about one version. */
interface IAnswer {
  details?: IImageDetails;
  problem?: IProblem;
}

interface IVersionsProps {
  /** References, newest first. */
  versions: readonly string[];
  chosen: string;
  model: IGpuContainersModel;
  trans: TranslationBundle;
  onChoose: (reference: string) => void;
}

/** A button that asks about the newest versions, and what came of it. */
export function Versions(props: IVersionsProps): React.JSX.Element {
  const { chosen, model, trans, onChoose } = props;
  const [asked, setAsked] = React.useState<readonly string[]>([]);
  const [answers, setAnswers] = React.useState<Record<string, IAnswer>>({});
  const isWanted = React.useRef(true);
  const list = React.useRef<HTMLUListElement>(null);
  React.useEffect(() => {
    isWanted.current = true;
    return () => {
      isWanted.current = false;
    };
  }, []);

  // the button that had the focus is gone
  React.useEffect(() => {
    list.current?.querySelector('button')?.focus();
  }, [asked]);

  const ask = (versions: readonly string[]) => {
    setAsked(versions);
    const waiting = [...versions];
    const lane = async () => {
      for (
        let version = waiting.shift();
        version !== undefined && isWanted.current;
        version = waiting.shift()
      ) {
        const name = version;
        const answer = await answerOf(model, name);
        setAnswers(known => ({ ...known, [name]: answer }));
        if (answer.problem?.code === 'registry_rate_limited') {
          const rest = waiting.splice(0); // it would say the same of all
          setAnswers(known => ({
            ...known,
            ...Object.fromEntries(rest.map(name => [name, answer]))
          }));
        }
      }
    };
    for (let i = 0; i < LANES; i += 1) {
      void lane();
    }
  };

  if (asked.length === 0) {
    return (
      <button
        className="jp-GpuContainers-link jp-GpuContainers-askVersions"
        title={trans.__('Asks the registry about the newest versions')}
        onClick={() => ask(props.versions.slice(0, ASKED))}
      >
        {trans.__('Which versions run here?')}
      </button>
    );
  }
  return (
    <ul
      ref={list}
      className="jp-GpuContainers-list jp-GpuContainers-versionList"
      aria-label={trans.__('Versions')}
    >
      {asked.map(version => (
        <li key={version}>
          <button
            className="jp-GpuContainers-rowButton"
            aria-pressed={version === chosen}
            title={version}
            onClick={() => onChoose(version)}
          >
            <span className="jp-GpuContainers-row">
              <span className="jp-GpuContainers-title">
                {splitReference(version).tag || version}
              </span>
              <Mark answer={answers[version]} trans={trans} />
            </span>
            <span className="jp-GpuContainers-subtitle">
              {why(answers[version])}
            </span>
          </button>
        </li>
      ))}
    </ul>
  );
}

async function answerOf(
  model: IGpuContainersModel,
  reference: string
): Promise<IAnswer> {
  try {
    return { details: await model.details(reference) };
  } catch (reason) {
    return { problem: toProblem(reason) };
  }
}

/** The verdict in a word. */
function Mark(props: {
  answer: IAnswer | undefined;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { answer, trans } = props;
  if (answer?.details) {
    return <VerdictBadge verdict={answer.details.verdict} trans={trans} />;
  }
  const isForOthers = answer?.problem?.code === 'wrong_architecture';
  return (
    <span
      className={
        isForOthers ? 'jp-GpuContainers-badge' : 'jp-GpuContainers-detail'
      }
      data-rating={isForOthers ? 'incompatible' : undefined}
    >
      {!answer && trans.__('Asking…')}
      {answer &&
        (isForOthers ? trans.__('Does not run here') : trans.__('Not known'))}
    </span>
  );
}

/** Why a version does not run here; empty where it does. */
function why(answer: IAnswer | undefined): string {
  if (answer?.details && needsWarning(answer.details.verdict)) {
    return allReasons(answer.details.verdict)[0]?.message ?? '';
  }
  return answer?.problem?.message ?? '';
}
