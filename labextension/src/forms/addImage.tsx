// The dialog's body: find an image in the catalogue, on Docker Hub or by its name, and look at it.
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { looksLikeReference } from '../model/references';
import { IGpuContainersModel, IRegistriesModel } from '../tokens';
import {
  ICatalogueEntry,
  IImageDetails,
  ISearchResult
} from '../client/wireImages';
import { useAnswer } from './answer';
import { ImageChoice } from './imageChoice';
import { Problem } from '../widgets/problem';
import { VerdictBadge } from '../widgets/verdict';

/** Milliseconds without a key press after which Docker Hub is searched. */
const PAUSE = 600;

/** Body of the dialog that finds images. */
export class AddImage extends ReactWidget {
  constructor(private readonly _options: AddImage.IOptions) {
    super();
    this.addClass('jp-GpuContainers-add');
  }

  protected render(): React.JSX.Element {
    return <Finder {...this._options} />;
  }
}

/** Types of the dialog's body. */
export namespace AddImage {
  /** What the dialog works on. */
  export interface IOptions {
    model: IGpuContainersModel;
    registries: IRegistriesModel;
    trans: TranslationBundle;
    /** The image to begin with. */
    reference?: string;
    /** Called with what was chosen. */
    onPull: (reference: string, details: IImageDetails | null) => void;
  }
}

function Finder(props: AddImage.IOptions): React.JSX.Element {
  const { registries, trans } = props;
  const [text, setText] = React.useState(props.reference ?? '');
  const [asked, setAsked] = React.useState('');
  const [chosen, setChosen] = React.useState(props.reference ?? '');
  const catalogue = useAnswer('catalogue', () => registries.catalogue());
  const search = useAnswer(asked, () => registries.search(asked));
  const query = text.trim();
  const isReference = looksLikeReference(query);

  React.useEffect(() => {
    const next = isReference || query.length < 2 ? '' : query;
    const timer = setTimeout(() => setAsked(next), PAUSE);
    return () => clearTimeout(timer);
  }, [query]);

  const entries = (catalogue.value ?? []).filter(entry =>
    matches(entry, query)
  );
  // what is recommended under this very name has its row below
  const isListed = entries.some(({ reference }) => reference === query);
  const entry = catalogue.value?.find(({ reference }) => reference === chosen);
  return (
    <>
      <div className="jp-GpuContainers-find">
        <input
          className="jp-mod-styled"
          type="search"
          data-keeps-enter
          aria-label={trans.__('Search, or name of an image')}
          placeholder={trans.__('Search, or name of an image')}
          spellCheck={false}
          value={text}
          onChange={({ target }) => setText(target.value)}
          onKeyDown={({ key }) => {
            if (key === 'Enter' && query) {
              if (isReference) {
                setChosen(query);
              } else {
                setAsked(query);
              }
            }
          }}
        />
        <div className="jp-GpuContainers-found">
          {isReference && !isListed && (
            <ul className="jp-GpuContainers-list">
              <Row
                title={query}
                subtitle={trans.__('The image of this name')}
                isChosen={chosen === query}
                onChoose={() => setChosen(query)}
              />
            </ul>
          )}
          {catalogue.problem && <Problem problem={catalogue.problem} />}
          {entries.length > 0 && (
            <Group title={trans.__('Recommended')}>
              {entries.map(entry => (
                <Row
                  key={entry.name}
                  title={entry.title}
                  subtitle={[entry.vendor, entry.reference]
                    .filter(Boolean)
                    .join(' · ')}
                  isChosen={chosen === entry.reference}
                  onChoose={() => setChosen(entry.reference)}
                >
                  {entry.on_engine && (
                    <span className="jp-GpuContainers-detail">
                      {trans.__('on this machine')}
                    </span>
                  )}
                  {entry.verdict && (
                    <VerdictBadge verdict={entry.verdict} trans={trans} />
                  )}
                </Row>
              ))}
            </Group>
          )}
          {asked && (
            <Group title={trans.__('Docker Hub')}>
              {search.isLoading && (
                <li className="jp-GpuContainers-empty" role="status">
                  {trans.__('Searching…')}
                </li>
              )}
              {search.problem && (
                <li>
                  <Problem problem={search.problem} isFact />
                </li>
              )}
              {search.value?.map(result => (
                <Row
                  key={result.name}
                  title={result.name}
                  subtitle={result.description}
                  isChosen={chosen === result.name}
                  onChoose={() => setChosen(result.name)}
                >
                  <span className="jp-GpuContainers-detail">
                    {stars(trans, result)}
                  </span>
                </Row>
              ))}
              {search.value?.length === 0 && (
                <li className="jp-GpuContainers-empty">
                  {trans.__('Nothing of this name.')}
                </li>
              )}
            </Group>
          )}
        </div>
      </div>
      {chosen ? (
        <ImageChoice
          {...props}
          key={chosen}
          reference={chosen}
          entry={entry ?? null}
        />
      ) : (
        <p className="jp-GpuContainers-empty jp-GpuContainers-nothing">
          {trans.__(
            'Choose an image to see whether it runs on this machine, and how much there is to download.'
          )}
        </p>
      )}
    </>
  );
}

function Group(props: {
  title: string;
  children: React.ReactNode;
}): React.JSX.Element {
  return (
    <section className="jp-GpuContainers-section" aria-label={props.title}>
      <header>
        <h3>{props.title}</h3>
      </header>
      <ul className="jp-GpuContainers-list">{props.children}</ul>
    </section>
  );
}

function Row(props: {
  title: string;
  subtitle: string;
  isChosen: boolean;
  onChoose: () => void;
  children?: React.ReactNode;
}): React.JSX.Element {
  const { title, subtitle, isChosen, onChoose, children } = props;
  return (
    <li>
      <button
        className="jp-GpuContainers-rowButton"
        aria-pressed={isChosen}
        title={subtitle}
        onClick={onChoose}
      >
        <span className="jp-GpuContainers-row">
          <span className="jp-GpuContainers-title">{title}</span>
          {children}
        </span>
        <span className="jp-GpuContainers-subtitle">{subtitle}</span>
      </button>
    </li>
  );
}

function matches(entry: ICatalogueEntry, query: string): boolean {
  const { title, description, reference, framework, vendor, tags } = entry;
  return [title, description, reference, framework ?? '', vendor, ...tags]
    .join(' ')
    .toLowerCase()
    .includes(query.toLowerCase());
}

function stars(
  trans: TranslationBundle,
  { official, stars }: ISearchResult
): string {
  return official
    ? trans.__('official · ★ %1', stars)
    : trans.__('★ %1', stars);
}
