// One image that may be fetched: its versions, whether it runs here, how much there is to fetch.
import { TranslationBundle } from '@jupyterlab/translation';
import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';
import { formatBytes } from '../model/format';
import { wantsLogin, withoutHint } from '../model/jobs';
import { registryHost, splitReference, withTag } from '../model/references';
import { toProblem } from '../client/requests';
import { IGpuContainersModel, IRegistriesModel } from '../tokens';
import { IProblem } from '../client/wire';
import { ICatalogueEntry, IImageDetails } from '../client/wireImages';
import { useAnswer } from './answer';
import { ImageFacts } from '../widgets/imageFacts';
import { ILoginInput, LoginFields } from './loginForm';
import { Problem } from '../widgets/problem';
import { Versions } from './versions';

/** Failures after which the engine may still reach the image. */
const NO_OBSTACLE = ['registry_unreachable', 'registry_rate_limited'];

interface IChoiceProps {
  /** Without a tag, the registry's newest one is taken. */
  reference: string;
  /** What the catalogue says of it. */
  entry: ICatalogueEntry | null;
  model: IGpuContainersModel;
  registries: IRegistriesModel;
  trans: TranslationBundle;
  onPull: (reference: string, details: IImageDetails | null) => void;
}

/** The right-hand side of the dialog. */
export function ImageChoice(props: IChoiceProps): React.JSX.Element {
  const { reference, entry, model, registries, trans, onPull } = props;
  const [chosen, setChosen] = React.useState('');
  const [attempt, setAttempt] = React.useState(0);
  const tags = useAnswer(`${reference} ${attempt}`, () =>
    registries.tags(reference)
  );
  const versions = [
    ...new Set([
      ...(entry?.tags ?? []),
      ...(tags.value?.tags.map(tag => withTag(reference, tag)) ?? [])
    ])
  ];
  const isOpen = splitReference(reference).tag === '' && !isPinned(reference);
  const wanted =
    chosen ||
    (!isOpen ? reference : tags.isLoading ? '' : usual(reference, versions));
  const { value, problem, isLoading } = useAnswer(
    wanted && `${wanted} ${attempt}`,
    () => model.details(wanted)
  );
  const mayPull =
    value !== null || (problem !== null && NO_OBSTACLE.includes(problem.code));
  return (
    <div className="jp-GpuContainers-choiceDetails">
      <header>
        <h3>{entry?.title ?? reference}</h3>
        {entry && <About entry={entry} trans={trans} />}
      </header>
      <label className="jp-GpuContainers-versions">
        <span>{trans.__('Image')}</span>
        {versions.length > 0 ? (
          <HTMLSelect
            value={wanted}
            onChange={({ target }) => setChosen(target.value)}
          >
            {[...new Set([wanted, ...versions])].filter(Boolean).map(name => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </HTMLSelect>
        ) : (
          <code>{wanted || reference}</code>
        )}
      </label>
      {versions.length > 1 && (
        <Versions
          key={attempt}
          versions={versions}
          chosen={wanted}
          model={model}
          trans={trans}
          onChoose={setChosen}
        />
      )}
      <div className="jp-GpuContainers-choiceAnswer" aria-live="polite">
        {(isLoading || !wanted) && (
          <p className="jp-GpuContainers-empty">
            {trans.__('Asking the registry…')}
          </p>
        )}
        {problem && <Problem problem={withoutHint(problem)} />}
        {wantsLogin(problem?.code) && (
          <LoginHere
            host={registryHost(wanted)}
            registries={registries}
            trans={trans}
            onLogin={() => setAttempt(attempt + 1)}
          />
        )}
        {value && <ImageFacts details={value} trans={trans} />}
      </div>
      <button
        className="jp-Dialog-button jp-mod-accept jp-mod-styled jp-GpuContainers-pull"
        disabled={!mayPull}
        onClick={() => onPull(wanted, value)}
      >
        {pullLabel(trans, value)}
      </button>
    </div>
  );
}

function About(props: {
  entry: ICatalogueEntry;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { entry, trans } = props;
  return (
    <p>
      {entry.description}{' '}
      {entry.licence && (
        <span className="jp-GpuContainers-detail">
          {trans.__('Licence: %1', entry.licence)}{' '}
        </span>
      )}
      {/^https?:/.test(entry.link) && (
        <a href={entry.link} target="_blank" rel="noopener noreferrer">
          {trans.__('More')}
        </a>
      )}
    </p>
  );
}

/** Logs in without leaving the dialog: JupyterLab shows one dialog at a time. */
function LoginHere(props: {
  host: string;
  registries: IRegistriesModel;
  trans: TranslationBundle;
  onLogin: () => void;
}): React.JSX.Element {
  const { host, registries, trans, onLogin } = props;
  const [input, setInput] = React.useState<ILoginInput>({
    host,
    username: '',
    secret: ''
  });
  const [problem, setProblem] = React.useState<IProblem | null>(null);
  const [isBusy, setBusy] = React.useState(false);
  const submit = () => {
    const { secret, username } = input;
    setBusy(true);
    registries
      .login(host, secret, username || undefined)
      .then(onLogin, (reason: unknown) => {
        setProblem(toProblem(reason));
        setBusy(false);
      });
  };
  return (
    <form
      className="jp-GpuContainers-login"
      aria-label={trans.__('Log in to %1', host)}
      onSubmit={event => {
        event.preventDefault();
        submit();
      }}
    >
      <h4>{trans.__('Log in to %1', host)}</h4>
      <LoginFields isFixed initial={input} trans={trans} onChange={setInput} />
      {problem && <Problem problem={withoutHint(problem)} />}
      <button className="jp-Button jp-GpuContainers-start" disabled={isBusy}>
        {trans.__('Log In')}
      </button>
    </form>
  );
}

function pullLabel(
  trans: TranslationBundle,
  details: IImageDetails | null
): string {
  if (details?.on_engine) {
    return trans.__('Pull Again');
  }
  return details?.download
    ? trans.__('Pull %1', formatBytes(details.download))
    : trans.__('Pull');
}

function isPinned(reference: string): boolean {
  return reference.includes('@');
}

/** The version that is offered first: "latest" where there is one, as Docker would take. */
function usual(reference: string, versions: readonly string[]): string {
  const latest = withTag(reference, 'latest');
  return versions.includes(latest) ? latest : (versions[0] ?? reference);
}
