// A failure in words, with what can be done about it.
import { Clipboard } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { checkIcon, copyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { IProblem } from '../client/wire';
import { hintParts } from '../model/hints';
import { IconButton } from './iconButton';

/** Characters of a command that fit into any line. */
const SHORT = 16;

/** Something that can be done about a problem. */
export interface IProblemAction {
  label: string;
  onClick: () => void;
}

/** Shows the last lines of a log; one that is long can be scrolled by keyboard, too. */
export function Log(props: {
  text: string;
  label?: string;
}): React.JSX.Element {
  const { label, text } = props;
  return (
    <pre
      aria-label={label}
      className="jp-GpuContainers-log"
      role={label && 'region'}
      tabIndex={0}
    >
      {text}
    </pre>
  );
}

/** Shows a problem, announced by screen readers; or only a fact, such as that there is no driver. */
export function Problem(props: {
  problem: IProblem;
  isFact?: boolean;
  /** The first is the one to take. */
  actions?: readonly IProblemAction[];
  /** With it, the commands of the hint can be copied. */
  trans?: TranslationBundle;
}): React.JSX.Element {
  const { problem, isFact = false, actions = [], trans } = props;
  return (
    <div
      className="jp-GpuContainers-problem"
      data-fact={isFact || undefined}
      role={isFact ? 'note' : 'alert'}
    >
      <div className="jp-GpuContainers-message">{problem.message}</div>
      {problem.hint && <Hint hint={problem.hint} trans={trans} />}
      {problem.log && <Log text={problem.log} />}
      {actions.length > 0 && (
        <div className="jp-GpuContainers-actions">
          {actions.map(({ label, onClick }) => (
            <button
              key={label}
              type="button"
              className="jp-GpuContainers-action"
              onClick={onClick}
            >
              {label}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

/** What can be done about a problem; its commands in the font of the command line. */
export function Hint(props: {
  hint: string;
  /** With it, commands can be copied. */
  trans?: TranslationBundle;
}): React.JSX.Element {
  const { hint, trans } = props;
  return (
    <div className="jp-GpuContainers-hint">
      {hintParts(hint).map(({ text, isCommand }, index, parts) =>
        isCommand ? (
          <Command
            key={index}
            command={text}
            end={endOf(parts[index + 1]?.text)}
            trans={trans}
          />
        ) : (
          <React.Fragment key={index}>
            {index > 0 ? text.slice(endOf(text).length) : text}
          </React.Fragment>
        )
      )}
    </div>
  );
}

/** A command line; one of several words can be copied. */
function Command(props: {
  command: string;
  /** What follows without a space. */
  end: string;
  trans?: TranslationBundle;
}): React.JSX.Element {
  const { command, end, trans } = props;
  const [isCopied, setCopied] = React.useState(false);
  return (
    <span className="jp-GpuContainers-command">
      <code data-short={command.length <= SHORT || undefined}>{command}</code>
      <span className="jp-GpuContainers-hintEnd">
        {trans && command.includes(' ') && (
          <IconButton
            icon={isCopied ? checkIcon : copyIcon}
            label={
              isCopied
                ? trans.__('Copied: %1', command)
                : trans.__('Copy command: %1', command)
            }
            onClick={() => {
              Clipboard.copyToSystem(command);
              setCopied(true);
            }}
          />
        )}
        {end}
      </span>
    </span>
  );
}

/** The punctuation with which a part of a hint begins. */
function endOf(text = ''): string {
  return /^[.,;:!?)]*/.exec(text)![0];
}
