// What a kernel's container writes, in the main area.
import { Clipboard } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import {
  FilterBox,
  ReactWidget,
  ToolbarButtonComponent,
  UseSignal,
  copyIcon,
  textEditorIcon
} from '@jupyterlab/ui-components';
import { Message } from '@lumino/messaging';
import * as React from 'react';
import { LogModel } from '../model/logModel';
import { endOf, matching, statusOf } from '../model/logWords';
import { Problem } from './problem';

interface ILogProps {
  model: LogModel;
  trans: TranslationBundle;
  /** What people call the kernel. */
  name: string;
}

/** The viewer; the model goes with it. */
export class LogViewer extends ReactWidget {
  constructor(
    /** Id of the launch. */
    readonly launch: string,
    private readonly _props: ILogProps
  ) {
    super();
    const { name, trans } = _props;
    this.addClass('jp-GpuContainers-logViewer');
    this.title.icon = textEditorIcon;
    this.title.label = trans.__('Log: %1', name);
    this.title.caption = trans.__('What the kernel of %1 writes', name);
    this.title.closable = true;
  }

  override dispose(): void {
    this._props.model.dispose();
    super.dispose();
  }

  protected override onBeforeAttach(msg: Message): void {
    super.onBeforeAttach(msg);
    const { name, trans } = this._props;
    // whatever holds it calls it “main area content”
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Log of %1', name));
  }

  protected render(): React.JSX.Element {
    const { model } = this._props;
    return (
      <UseSignal signal={model.changed}>
        {() => <Log {...this._props} />}
      </UseSignal>
    );
  }
}

/** Tools, lines, and what has become of them. */
function Log(props: ILogProps): React.JSX.Element {
  const { model, trans, name } = props;
  const [wrap, setWrap] = React.useState(true);
  const [wanted, setWanted] = React.useState('');
  const lines = matching(model.lines, wanted);
  const follows = model.state === 'following' || model.state === 'waiting';
  return (
    <>
      <div className="jp-GpuContainers-logTools" role="toolbar">
        <ToolbarButtonComponent
          label={trans.__('Follow')}
          tooltip={
            follows
              ? trans.__('Stop following the log')
              : trans.__('Load the log anew, and follow it')
          }
          pressed={follows}
          onClick={() => (follows ? model.pause() : model.follow())}
        />
        <ToolbarButtonComponent
          label={trans.__('Wrap')}
          tooltip={trans.__('Break long lines')}
          pressed={wrap}
          onClick={() => setWrap(!wrap)}
        />
        <ToolbarButtonComponent
          icon={copyIcon}
          tooltip={trans.__('Copy the lines that are shown')}
          enabled={lines.length > 0}
          onClick={() => Clipboard.copyToSystem(lines.join('\n'))}
        />
        <FilterBox
          placeholder={trans.__('Filter lines')}
          updateFilter={(_, query) => setWanted(query ?? '')}
          useFuzzyFilter={false}
        />
        <span className="jp-GpuContainers-logStatus" role="status">
          {statusOf(trans, model, lines.length)}
        </span>
      </div>
      <Lines {...props} lines={lines} wrap={wrap} name={name} />
      {model.problem && <Problem problem={model.problem} />}
      {model.state === 'ended' && (
        <p className="jp-GpuContainers-logEnd" role="status">
          {endOf(trans, model.launch)}
        </p>
      )}
    </>
  );
}

/** The lines; the last one stays in view unless somebody has scrolled up. */
function Lines(
  props: ILogProps & { lines: readonly string[]; wrap: boolean }
): React.JSX.Element {
  const { lines, wrap, name, trans } = props;
  const node = React.useRef<HTMLPreElement>(null);
  const atEnd = React.useRef(true);
  React.useLayoutEffect(() => {
    if (node.current && atEnd.current) {
      node.current.scrollTop = node.current.scrollHeight;
    }
  });
  return (
    <pre
      ref={node}
      className="jp-GpuContainers-logLines"
      data-wrap={wrap}
      tabIndex={0}
      role="log"
      aria-live="off"
      aria-label={trans.__('Log of %1', name)}
      onScroll={({ currentTarget: pre }) => {
        const below = pre.scrollHeight - pre.scrollTop - pre.clientHeight;
        atEnd.current = below < 8;
      }}
    >
      {lines.join('\n')}
    </pre>
  );
}
