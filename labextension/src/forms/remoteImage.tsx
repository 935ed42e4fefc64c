// An image that is not on this machine: its versions, its login, and what its registry tells of it.
import { TranslationBundle } from '@jupyterlab/translation';
import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';
import { toProblem } from '../client/requests';
import { IProblem } from '../client/wire';
import { ICatalogueEntry, IImageDetails, ITags } from '../client/wireImages';
import { repositoryOf } from '../model/imageOptions';
import { wantsLogin, withoutHint } from '../model/jobs';
import {
  NO_OBSTACLE,
  registryHost,
  splitReference,
  withTag
} from '../model/references';
import { IGpuContainersModel, IRegistriesModel } from '../tokens';
import { Problem } from '../widgets/problem';
import { useAnswer } from './answer';
import { ILoginInput, LoginFields } from './loginForm';
import { Versions } from './versions';

/** What is known of an image, and which of its versions is meant. */
export interface IRemoteImage {
  /** Reference with its version; empty while none is known. */
  wanted: string;
  /** References, newest first. */
  versions: readonly string[];
  /** Whether the registry told them. */
  areKnown: boolean;
  details: IImageDetails | null;
  problem: IProblem | null;
  isLoading: boolean;
  /** Whether it may be fetched: it is known, or the engine may know it. */
  mayPull: boolean;
  /** How often was asked, since a login makes a difference. */
  attempt: number;
  choose: (version: string) => void;
  retry: () => void;
}

/**
 * Ask about an image.
 *
 * @param reference - without a tag, the registry's usual one is meant; empty = nothing is asked
 * @param entry - what the catalogue says of it
 */
export function useRemoteImage(
  reference: string,
  entry: ICatalogueEntry | null,
  model: IGpuContainersModel,
  askTags: (reference: string) => Promise<ITags>
): IRemoteImage {
  const [version, setVersion] = React.useState({ of: '', name: '' });
  const [attempt, setAttempt] = React.useState(0);
  const repository = repositoryOf(reference);
  const tags = useAnswer(reference && `${repository} ${attempt}`, () =>
    askTags(reference)
  );
  const versions = [
    ...new Set([
      ...(entry?.tags ?? []),
      ...(tags.value?.tags.map(tag => withTag(reference, tag)) ?? [])
    ])
  ];
  const isOpen = splitReference(reference).tag === '' && !isPinned(reference);
  const chosen = version.of === reference ? version.name : '';
  const wanted =
    chosen ||
    (!isOpen ? reference : tags.isLoading ? '' : usual(reference, versions));
  const answer = useAnswer(wanted && `${wanted} ${attempt}`, () =>
    model.details(wanted)
  );
  const { value, problem } = answer;
  return {
    wanted,
    versions,
    areKnown: tags.value !== null,
    details: value,
    problem,
    isLoading: reference !== '' && (answer.isLoading || wanted === ''),
    mayPull:
      value !== null ||
      (problem !== null && NO_OBSTACLE.includes(problem.code)),
    attempt,
    choose: name => setVersion({ of: reference, name }),
    retry: () => setAttempt(attempt + 1)
  };
}

/** Which version is meant, and which of them run here. */
export function VersionFields(props: {
  remote: IRemoteImage;
  /** Shown while no version is known. */
  reference: string;
  model: IGpuContainersModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { remote, reference, model, trans } = props;
  const { wanted, versions, areKnown, attempt, choose } = remote;
  return (
    <>
      <label className="jp-GpuContainers-versions">
        <span>{trans.__('Image')}</span>
        {versions.length > 0 ? (
          <HTMLSelect
            value={wanted}
            onChange={({ target }) => choose(target.value)}
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
      {areKnown && versions.length < 2 && (
        <p className="jp-GpuContainers-detail">
          {trans.__('Its registry names no other version.')}
        </p>
      )}
      {versions.length > 1 && (
        <Versions
          key={`${reference} ${attempt}`}
          versions={versions}
          chosen={wanted}
          model={model}
          trans={trans}
          onChoose={choose}
        />
      )}
    </>
  );
}

/** That the registry is asked, or why it does not tell, with a login where that would help. */
export function RemoteState(props: {
  remote: IRemoteImage;
  registries: IRegistriesModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { remote, registries, trans } = props;
  const { wanted, problem, isLoading, retry } = remote;
  return (
    <>
      {isLoading && (
        <p className="jp-GpuContainers-empty" role="status">
          {trans.__('Asking the registry…')}
        </p>
      )}
      {problem && <Problem problem={withoutHint(problem)} />}
      {wantsLogin(problem?.code) && (
        <LoginHere
          host={registryHost(wanted)}
          registries={registries}
          trans={trans}
          onLogin={retry}
        />
      )}
    </>
  );
}

/** What the catalogue says of an image. */
export function About(props: {
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

function isPinned(reference: string): boolean {
  return reference.includes('@');
}

/** The version that is offered first: "latest" where there is one, as Docker would take. */
function usual(reference: string, versions: readonly string[]): string {
  const latest = withTag(reference, 'latest');
  return versions.includes(latest) ? latest : (versions[0] ?? reference);
}
