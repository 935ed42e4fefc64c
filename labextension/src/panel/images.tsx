// Images: those on this machine, and those that are recommended; what can be done with them.
import { TranslationBundle } from '@jupyterlab/translation';
import { FilterBox } from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { CommandIDs } from '../commands/commandIds';
import { isImage } from '../model/format';
import { matching } from '../model/imageFilter';
import { IImage, IProblem } from '../client/wire';
import { ICatalogueEntry } from '../client/wireImages';
import { Problem } from '../widgets/problem';
import { EntryRow, ImageRow } from './imageRows';
import { Empty, Skeleton } from './section';

/** Images from which on there is a box to filter them by. */
const FILTER_FROM = 6;
/** Rows that are laid out together, or not at all while they are out of sight. */
const CHUNK = 10;
/** Rows that are there at once. */
const FIRST = 3 * CHUNK;

interface IImagesProps {
  /** On this machine; null until loaded. */
  images: readonly IImage[] | null;
  problem: IProblem | null;
  /** What is recommended; null until loaded. */
  recommended: readonly ICatalogueEntry[] | null;
  recommendedProblem: IProblem | null;
  /** Ask for what is recommended. */
  loadRecommended: () => void;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

/** Which of the images are shown. */
type Source = 'here' | 'recommended';

/** The images section of the panel. */
export function Images(props: IImagesProps): React.JSX.Element {
  const { images, problem, recommended, loadRecommended, trans } = props;
  const [chosen, setChosen] = React.useState<Source | null>(null);
  const [query, setQuery] = React.useState('');
  const wanted = React.useDeferredValue(query);
  React.useEffect(loadRecommended, []);

  const here = React.useMemo(
    () => matching(images ?? [], wanted),
    [images, wanted]
  );
  const elsewhere = React.useMemo(
    () =>
      matching(
        (recommended ?? [])
          .filter(({ on_engine }) => !on_engine)
          // one that has come since keeps its row, which says so
          .map(entry =>
            images?.some(image => isImage(image, entry.reference))
              ? { ...entry, on_engine: true }
              : entry
          ),
        wanted
      ),
    [images, recommended, wanted]
  );
  const source = chosen ?? (images?.length === 0 ? 'recommended' : 'here');
  const count = (images?.length ?? 0) + (recommended?.length ?? 0);
  return (
    <>
      {count >= FILTER_FROM && (
        <div className="jp-GpuContainers-filter">
          <FilterBox
            placeholder={trans.__('Filter by name')}
            showIcon
            updateFilter={(_, text) => setQuery(text ?? '')}
          />
        </div>
      )}
      <div
        className="jp-GpuContainers-sources"
        role="group"
        aria-label={trans.__('Which are shown')}
      >
        <SourceButton
          label={trans.__('On this machine')}
          count={images && here.length}
          isChosen={source === 'here'}
          onClick={() => setChosen('here')}
        />
        <SourceButton
          label={trans.__('Recommended')}
          count={recommended && elsewhere.length}
          isChosen={source === 'recommended'}
          onClick={() => setChosen('recommended')}
        />
      </div>
      {problem && (
        <Problem problem={problem} actions={[retry(props)]} trans={trans} />
      )}
      {source === 'here' ? (
        <Here {...props} found={here} isFiltered={wanted !== ''} />
      ) : (
        <Recommended {...props} found={elsewhere} isFiltered={wanted !== ''} />
      )}
    </>
  );
}

function SourceButton(props: {
  label: string;
  /** null = not known yet. */
  count: number | null;
  isChosen: boolean;
  onClick: () => void;
}): React.JSX.Element {
  const { label, count, isChosen, onClick } = props;
  return (
    <button
      type="button"
      className="jp-GpuContainers-source"
      aria-pressed={isChosen}
      onClick={onClick}
    >
      {label}{' '}
      {count !== null && (
        <span className="jp-GpuContainers-detail">{count}</span>
      )}
    </button>
  );
}

/** Images on this machine. */
function Here(
  props: IImagesProps & { found: readonly IImage[]; isFiltered: boolean }
): React.JSX.Element | null {
  const { images, found, isFiltered, problem, commands, trans } = props;
  if (images === null) {
    return problem ? null : <Skeleton rows={3} trans={trans} />;
  }
  if (found.length === 0) {
    return (
      <Empty
        action={
          isFiltered ? trans.__('Find one to pull…') : trans.__('Add one…')
        }
        onClick={() => {
          void commands.execute(CommandIDs.addImage);
        }}
      >
        {isFiltered
          ? trans.__('No image on this machine has this name.')
          : trans.__('There is no image on this machine yet.')}
      </Empty>
    );
  }
  return <ImageList images={found} commands={commands} trans={trans} />;
}

/** Drawn anew only with other images: the panel is, whenever a GPU has computed. */
const ImageList = React.memo(
  (props: {
    images: readonly IImage[];
    commands: CommandRegistry;
    trans: TranslationBundle;
  }): React.JSX.Element => {
    const { images, commands, trans } = props;
    return (
      <List
        items={images}
        row={image => (
          <ImageRow
            key={image.id}
            image={image}
            commands={commands}
            trans={trans}
          />
        )}
      />
    );
  }
);
ImageList.displayName = 'ImageList';

/** Images that are recommended, and are not on this machine. */
function Recommended(
  props: IImagesProps & {
    found: readonly ICatalogueEntry[];
    isFiltered: boolean;
  }
): React.JSX.Element {
  const { found, images, recommended, recommendedProblem } = props;
  const { isFiltered, loadRecommended, commands, trans } = props;
  if (recommendedProblem) {
    const action = { label: trans.__('Try again'), onClick: loadRecommended };
    return (
      <Problem problem={recommendedProblem} actions={[action]} trans={trans} />
    );
  }
  if (recommended === null) {
    return <Skeleton rows={3} trans={trans} />;
  }
  return (
    <>
      {images?.length === 0 && !isFiltered && found.length > 0 && (
        <Empty>
          {trans.__(
            'There is no image on this machine yet. Fetch one of these, or add another one.'
          )}
        </Empty>
      )}
      {found.length === 0 && (
        <Empty
          action={trans.__('Search the registries…')}
          onClick={() => {
            void commands.execute(CommandIDs.addImage);
          }}
        >
          {isFiltered
            ? trans.__('No recommended image has this name.')
            : trans.__('All recommended images are on this machine.')}
        </Empty>
      )}
      <List
        items={found}
        row={entry => (
          <EntryRow
            key={entry.name}
            entry={entry}
            commands={commands}
            trans={trans}
          />
        )}
      />
    </>
  );
}

/**
 * A list of any length: what is out of sight is not laid out, and made last, a little at a time, so
 * that nothing else has to wait for it.
 */
function List<T>(props: {
  items: readonly T[];
  row: (item: T) => React.ReactNode;
}): React.JSX.Element {
  const { items, row } = props;
  const [isWhole, setWhole] = React.useState(items.length <= FIRST);
  React.useEffect(() => React.startTransition(() => setWhole(true)), []);

  const end = isWhole ? items.length : FIRST;
  const chunks: T[][] = [];
  for (let start = 0; start < end; start += CHUNK) {
    chunks.push(items.slice(start, start + CHUNK));
  }
  return (
    <>
      {chunks.map((chunk, index) => (
        <ul
          key={index}
          className="jp-GpuContainers-list jp-GpuContainers-chunk"
        >
          {chunk.map(row)}
        </ul>
      ))}
    </>
  );
}

function retry({ commands, trans }: IImagesProps) {
  return {
    label: trans.__('Try again'),
    onClick: () => {
      void commands.execute(CommandIDs.refresh);
    }
  };
}
