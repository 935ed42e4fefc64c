// A section of the panel: a heading that opens and closes it, and what it holds.
import { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal, caretDownIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { SectionsModel } from '../model/sections';

/** Properties of a section. */
export interface ISectionProps {
  /** What it is remembered by. */
  id: string;
  title: string;
  /** A few words beside the title. */
  detail?: string;
  /** What can be done with the whole of it. */
  tools?: React.ReactNode;
  sections: SectionsModel;
  children: React.ReactNode;
}

/** A section that can be closed. */
export function Section(props: ISectionProps): React.JSX.Element {
  const { id, title, detail, tools, sections, children } = props;
  const body = React.useId();
  return (
    <UseSignal signal={sections.changed}>
      {() => {
        const isOpen = sections.isOpen(id);
        return (
          <section className="jp-GpuContainers-section" aria-label={title}>
            <header>
              <h3>
                <button
                  type="button"
                  aria-expanded={isOpen}
                  aria-controls={body}
                  onClick={() => void sections.toggle(id)}
                >
                  <caretDownIcon.react
                    tag="span"
                    className="jp-GpuContainers-caret"
                    aria-hidden="true"
                  />
                  <span className="jp-GpuContainers-heading">{title}</span>{' '}
                  {detail && (
                    <span className="jp-GpuContainers-detail">{detail}</span>
                  )}
                </button>
              </h3>
              {isOpen && tools}
            </header>
            <div id={body} hidden={!isOpen}>
              {isOpen && children}
            </div>
          </section>
        );
      }}
    </UseSignal>
  );
}

/** Stands where something will be once it is loaded. */
export function Skeleton(props: {
  rows: number;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { rows, trans } = props;
  return (
    <div className="jp-GpuContainers-skeleton" role="status">
      <span className="jp-GpuContainers-unseen">{trans.__('Loading…')}</span>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} aria-hidden="true" />
      ))}
    </div>
  );
}

/** What a section says while it holds nothing, and the step to take. */
export function Empty(props: {
  children: React.ReactNode;
  action?: string;
  onClick?: () => void;
}): React.JSX.Element {
  const { children, action, onClick } = props;
  return (
    <div className="jp-GpuContainers-empty">
      {children}
      {action && (
        <>
          {' '}
          <button
            type="button"
            className="jp-GpuContainers-link"
            onClick={onClick}
          >
            {action}
          </button>
        </>
      )}
    </div>
  );
}
