// A banner above a notebook's cells: what its reader should know, and what can be done about it.
import { MainAreaWidget } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import {
  ReactWidget,
  closeIcon,
  errorIcon,
  infoIcon
} from '@jupyterlab/ui-components';
import { CommandRegistry } from '@lumino/commands';
import { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Message } from '@lumino/messaging';
import * as React from 'react';
import { Log } from './problem';

/**
 * Stands in the `contentHeader` of a notebook (or of any other document), above those that were
 * added before. It shows {@link content}, is as high as that, and is gone where there is none; it
 * lives as long as its document.
 */
export class NotebookBanner extends ReactWidget {
  constructor(
    panel: MainAreaWidget,
    private readonly _options: NotebookBanner.IOptions
  ) {
    super();
    this.addClass('jp-GpuContainers-banner');
    this.setHidden(true);
    panel.contentHeader.insertWidget(0, this);
  }

  /** What it says; null where there is nothing to say. */
  get content(): NotebookBanner.IContent | null {
    return this._content;
  }

  set content(content: NotebookBanner.IContent | null) {
    this._content = content;
    this.setHidden(content === null);
    this.update();
  }

  override dispose(): void {
    this._resizes.disconnect();
    super.dispose();
  }

  protected override onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._resizes.observe(this.node);
  }

  protected override onBeforeDetach(msg: Message): void {
    this._resizes.disconnect();
    super.onBeforeDetach(msg);
  }

  protected render(): React.JSX.Element | null {
    const content = this._content;
    return (
      content && (
        <Banner
          // another one begins with its log closed
          key={[content.title, content.text].join('\n')}
          content={content}
          options={this._options}
          onDismiss={() => {
            this.content = null;
            content.onDismiss?.();
          }}
          onRendered={() => this._grow()}
        />
      )
    );
  }

  /** Lumino's box layout gives a widget its CSS min-height and no more: set it to what is needed. */
  private _grow(): void {
    const body = this.node.firstElementChild;
    const height = body ? Math.ceil(body.getBoundingClientRect().height) : 0;
    if (height !== this._height && !this.isHidden) {
      this._height = height;
      this.node.style.minHeight = `${height}px`;
      this.parent?.fit();
    }
  }

  private _content: NotebookBanner.IContent | null = null;
  private _height = 0;
  /** Its text takes more lines where it is narrower. */
  private _resizes = new ResizeObserver(() => this._grow());
}

/** Types of the banner. */
export namespace NotebookBanner {
  /** What the banner is made of. */
  export interface IOptions {
    commands: CommandRegistry;
    trans: TranslationBundle;
  }

  /** Something that can be done: a command. */
  export interface IAction {
    label: string;
    caption?: string;
    command: string;
    args?: ReadonlyPartialJSONObject;
    /** Whether it is what most people will want; of one banner one at most. */
    isPrimary?: boolean;
  }

  /** What a banner says. */
  export interface IContent {
    severity: 'info' | 'warning' | 'error';
    /** In a few words. */
    title?: string;
    text: string;
    /** What the reader can do. */
    hint?: string;
    /** Last lines of a log, shown on demand. */
    log?: string;
    actions: readonly IAction[];
    /** Called after its reader has put it away. */
    onDismiss?: () => void;
  }
}

function Banner(props: {
  content: NotebookBanner.IContent;
  options: NotebookBanner.IOptions;
  onDismiss: () => void;
  onRendered: () => void;
}): React.JSX.Element {
  const { content, options, onDismiss, onRendered } = props;
  const { commands, trans } = options;
  const { actions, hint, log, severity, text, title } = content;
  const [isOpen, setOpen] = React.useState(false);
  const logId = React.useId();
  React.useLayoutEffect(onRendered);
  const Icon = (severity === 'info' ? infoIcon : errorIcon).react;
  const label = {
    info: trans.__('Note on this notebook'),
    warning: trans.__('Warning about this notebook'),
    error: trans.__('Problem of this notebook')
  }[severity];
  return (
    <section
      aria-label={label}
      className="jp-GpuContainers-bannerBody"
      data-severity={severity}
    >
      <Icon className="jp-GpuContainers-bannerIcon" tag="span" />
      <div
        className="jp-GpuContainers-bannerText"
        role={severity === 'info' ? 'status' : 'alert'}
      >
        {title && <strong>{title}</strong>}
        <span>{text}</span>
        {hint && <span className="jp-GpuContainers-bannerHint">{hint}</span>}
      </div>
      <div className="jp-GpuContainers-bannerActions">
        {actions.map(({ args, caption, command, isPrimary, label }) => (
          <button
            key={label}
            className={`jp-GpuContainers-bannerButton ${
              isPrimary ? 'jp-mod-accept' : ''
            }`}
            title={caption}
            type="button"
            onClick={() => void commands.execute(command, args)}
          >
            {label}
          </button>
        ))}
        {log && (
          <button
            aria-controls={logId}
            aria-expanded={isOpen}
            className="jp-GpuContainers-bannerButton"
            type="button"
            onClick={() => setOpen(!isOpen)}
          >
            {isOpen ? trans.__('Hide log') : trans.__('Show log')}
          </button>
        )}
        <button
          aria-label={trans.__('Dismiss')}
          className="jp-Button jp-mod-minimal jp-GpuContainers-bannerClose"
          title={trans.__('Dismiss')}
          type="button"
          onClick={onDismiss}
        >
          <closeIcon.react tag="span" />
        </button>
      </div>
      {log && (
        <div className="jp-GpuContainers-bannerLog" hidden={!isOpen} id={logId}>
          <Log text={log} label={trans.__('Last lines of the log')} />
        </div>
      )}
    </section>
  );
}
