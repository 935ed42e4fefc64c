// The left-hand side of the dialog: one field to search in, and the images to choose from.
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { ChipSubject } from '../model/chips';
import { IImageOption, IOptionGroup } from '../model/imageOptions';
import { needsWarning, versionOf, whyNot } from '../model/verdicts';
import { Chips } from '../widgets/chip';
import { formatSize } from '../model/format';

interface ISearchProps {
  groups: readonly IOptionGroup[];
  chosen: IImageOption | null;
  query: string;
  onlyFitting: boolean;
  trans: TranslationBundle;
  /** What the places that take their time are doing, or why they tell nothing. */
  children?: React.ReactNode;
  onQuery: (query: string) => void;
  onOnlyFitting: (onlyFitting: boolean) => void;
  onChoose: (option: IImageOption) => void;
  /** Enter in the field: search now, or go on with what is chosen. */
  onEnter: () => void;
  /** A row's own button. */
  onStart: (option: IImageOption) => void;
  onAddImage: () => void;
}

/** The field, and below it the images by place. */
export function ImageSearch(props: ISearchProps): React.JSX.Element {
  const { groups, chosen, query, trans, onQuery } = props;
  const field = React.useRef<HTMLInputElement>(null);
  const list = React.useRef<HTMLDivElement>(null);
  React.useLayoutEffect(() => field.current?.focus(), []); // no key finds it elsewhere
  React.useEffect(() => {
    const row = list.current?.querySelector('[data-chosen]');
    row?.scrollIntoView?.({ block: 'nearest' });
  }, [chosen?.key]);
  return (
    <div className="jp-GpuContainers-find">
      <input
        ref={field}
        className="jp-mod-styled"
        type="search"
        data-keeps-enter
        aria-label={trans.__('Search images, or type a name')}
        placeholder={trans.__('Search, or type a name: pytorch/pytorch')}
        spellCheck={false}
        autoComplete="off"
        value={query}
        onChange={({ target }) => onQuery(target.value)}
        onKeyDown={event => {
          if (event.key === 'Enter') {
            event.preventDefault();
            props.onEnter();
          } else if (event.key === 'ArrowDown') {
            event.preventDefault();
            focusOn(list.current);
          }
        }}
      />
      <label className="jp-GpuContainers-only">
        <input
          type="checkbox"
          checked={props.onlyFitting}
          onChange={({ target }) => props.onOnlyFitting(target.checked)}
        />
        {trans.__('Only what runs here')}
      </label>
      <div
        ref={list}
        className="jp-GpuContainers-found"
        role="radiogroup"
        aria-label={trans.__('Image')}
        onKeyDown={event => {
          const { key, ctrlKey, metaKey, altKey } = event;
          const isText = key.length === 1 && key !== ' ';
          if (isText && !ctrlKey && !metaKey && !altKey) {
            field.current?.focus(); // and the letter is typed there
          }
        }}
      >
        {groups.map(({ place, title, options }) => (
          <section
            key={place}
            className="jp-GpuContainers-place"
            role="group"
            aria-label={title}
          >
            <h3>{title}</h3>
            {options.map(option => (
              <Row
                key={option.key}
                option={option}
                trans={trans}
                isChosen={option.key === chosen?.key}
                onChoose={() => props.onChoose(option)}
                onStart={() => props.onStart(option)}
              />
            ))}
          </section>
        ))}
        {props.children}
        <button
          className="jp-GpuContainers-link jp-GpuContainers-other"
          title={trans.__('Download an image without starting it')}
          onClick={props.onAddImage}
        >
          {trans.__('Add another image…')}
        </button>
      </div>
    </div>
  );
}

/** Put the focus on the chosen row, else the first that can be chosen. */
function focusOn(list: Element | null): void {
  const row =
    list?.querySelector<HTMLElement>('input[type=radio]:checked') ??
    list?.querySelector<HTMLElement>('input[type=radio]:enabled');
  row?.focus();
}

/** One image; where nothing is to be asked, with a button that starts it at once. */
function Row(props: {
  option: IImageOption;
  trans: TranslationBundle;
  isChosen: boolean;
  onChoose: () => void;
  onStart: () => void;
}): React.JSX.Element {
  const { option, trans, isChosen } = props;
  const { title, subtitle, image, entry } = option;
  const problem = image?.problem ?? null;
  const subject: ChipSubject | undefined = image ?? entry;
  const isOlder = entry && versionOf(entry) !== entry.reference; // which does run here
  const why = problem || isOlder ? null : whyNot(trans, subject?.verdict);
  return (
    <div
      className="jp-GpuContainers-choice"
      data-chosen={isChosen || undefined}
    >
      <label title={subtitle}>
        <input
          type="radio"
          name="jp-GpuContainers-image"
          checked={isChosen}
          disabled={problem !== null}
          onChange={props.onChoose}
        />
        <span className="jp-GpuContainers-choiceText">
          <span className="jp-GpuContainers-row">
            <span className="jp-GpuContainers-title">{title}</span>
            {image && (
              <span className="jp-GpuContainers-detail">
                {formatSize(image.size)}
              </span>
            )}
          </span>
          <span className="jp-GpuContainers-subtitle">{subtitle}</span>
          {problem ? (
            <span className="jp-GpuContainers-warning">{problem.message}</span>
          ) : (
            subject && (
              <Chips image={subject} trans={trans} without={['here']} />
            )
          )}
          {why && <span className="jp-GpuContainers-why">{why}</span>}
        </span>
      </label>
      {canStartAtOnce(option) && (
        <button
          className="jp-Button jp-GpuContainers-start"
          tabIndex={-1}
          aria-label={trans.__('Start %1', title)}
          onClick={props.onStart}
        >
          {trans.__('Start')}
        </button>
      )}
    </div>
  );
}

/** Whether an image can be started without telling more: it is here, and runs here. */
export function canStartAtOnce({ image }: IImageOption): boolean {
  return image !== undefined && !image.problem && !needsWarning(image.verdict);
}
