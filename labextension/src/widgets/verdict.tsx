// Whether an image runs here: a badge in words, and the reasons with what they rest on.
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import {
  ratingLabel,
  ratingSentence,
  severityLabel,
  severitySign,
  verdictTip
} from '../model/verdicts';
import { IReason, IVerdict, Rating, Severity } from '../client/wireImages';

interface IVerdictProps {
  verdict: IVerdict;
  trans: TranslationBundle;
}

/** A verdict in a word or two; the reasons appear on hover and are read out. */
export function VerdictBadge(props: IVerdictProps): React.JSX.Element {
  const { verdict, trans } = props;
  return (
    <span
      className="jp-GpuContainers-badge"
      data-rating={verdict.verdict}
      title={verdictTip(trans, verdict)}
    >
      {ratingLabel(trans, verdict.verdict)}
    </span>
  );
}

/** A verdict with all its reasons. */
export function VerdictReasons(props: IVerdictProps): React.JSX.Element {
  const { verdict, trans } = props;
  return (
    <div className="jp-GpuContainers-verdict">
      <p>
        <VerdictBadge verdict={verdict} trans={trans} />{' '}
        {ratingSentence(trans, verdict.verdict)}
      </p>
      <Reasons reasons={verdict.reasons} trans={trans} />
      {groups(verdict).map(({ indices, rating, reasons }) => (
        <section key={indices.join()}>
          <h4>
            {trans._n('GPU %2', 'GPUs %2', indices.length, indices.join(', '))}{' '}
            <span className="jp-GpuContainers-badge" data-rating={rating}>
              {ratingLabel(trans, rating)}
            </span>
          </h4>
          <Reasons reasons={reasons} trans={trans} />
        </section>
      ))}
    </div>
  );
}

function Reasons(props: {
  reasons: readonly IReason[];
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { reasons, trans } = props;
  if (reasons.length === 0) {
    return null;
  }
  return (
    <ul className="jp-GpuContainers-reasons">
      {reasons.map(({ code, message, evidence, severity }) => (
        <li key={code + message} data-severity={severity}>
          <Sign severity={severity} trans={trans} />
          {message}
          {evidence && (
            <span className="jp-GpuContainers-evidence">
              {trans.__('Evidence: %1', evidence)}
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

/** What a reason does to the verdict; a server that was not updated yet does not tell. */
function Sign(props: {
  severity?: Severity;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { severity, trans } = props;
  if (!severity) {
    return null;
  }
  const label = severityLabel(trans, severity);
  return (
    <span
      className="jp-GpuContainers-sign"
      role="img"
      aria-label={label}
      title={label}
    >
      {severitySign(severity)}
    </span>
  );
}

interface IGroup {
  indices: number[];
  rating: Rating;
  reasons: IReason[];
}

/**
 * What is to be said of single GPUs. Those of which the same is true stand together, since most
 * machines have eight of a kind; what is said of the whole, and of all alike, is not said again.
 */
function groups(verdict: IVerdict): IGroup[] {
  const said = new Set(verdict.reasons.map(({ message }) => message));
  const found = new Map<string, IGroup>();
  for (const { index, verdict: rating, ...gpu } of verdict.gpus) {
    const reasons = gpu.reasons.filter(({ message }) => !said.has(message));
    const key = JSON.stringify([rating, reasons]);
    const group = found.get(key);
    if (group) {
      group.indices.push(index);
    } else {
      found.set(key, { indices: [index], rating, reasons });
    }
  }
  const all = [...found.values()];
  const isSaid = ({ rating, reasons }: IGroup) =>
    rating === verdict.verdict && reasons.length === 0;
  return all.length === 1 && isSaid(all[0]) ? [] : all;
}
