// What is known of one image, on this machine or in its registry: facts, and the verdict.
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { formatSize } from '../model/format';
import { IImageDetails } from '../client/wireImages';
import { Problem } from './problem';
import { VerdictReasons } from './verdict';

/** All that is known of an image. */
export function ImageFacts(props: {
  details: IImageDetails;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { details, trans } = props;
  return (
    <div className="jp-GpuContainers-facts">
      {details.problem && <Problem problem={details.problem} />}
      <VerdictReasons verdict={details.verdict} trans={trans} />
      <dl>
        {facts(trans, details).map(([term, fact]) => (
          <React.Fragment key={term}>
            <dt>{term}</dt>
            <dd>{fact}</dd>
          </React.Fragment>
        ))}
      </dl>
    </div>
  );
}

/** Terms and facts; what is not known is left out. */
function facts(
  trans: TranslationBundle,
  details: IImageDetails
): [string, string][] {
  const { framework, kernels, references } = details;
  const all: [string, string | null | undefined][] = [
    [trans.__('Download'), downloadText(trans, details)],
    [trans.__('On disk'), details.size ? formatSize(details.size) : null],
    [
      trans.__('Framework'),
      framework && [framework.name, framework.version].filter(Boolean).join(' ')
    ],
    [trans.__('CUDA'), details.cuda],
    [trans.__('Python'), details.python],
    [
      trans.__('Kernels'),
      kernels?.map(({ display_name }) => display_name).join(', ')
    ],
    [
      trans.__('Platform'),
      details.platforms.join(', ') || details.architecture
    ],
    [trans.__('Created'), dateText(details.created)],
    [trans.__('Names'), references.join(', ')],
    [trans.__('Id'), details.id]
  ];
  return all.filter((fact): fact is [string, string] => Boolean(fact[1]));
}

/** How much there is to fetch. */
export function downloadText(
  trans: TranslationBundle,
  { download, on_engine }: { download: number | null; on_engine: boolean }
): string {
  if (on_engine) {
    return trans.__('none: it is on this machine');
  }
  return download === null ? trans.__('not known') : formatSize(download);
}

function dateText(created: string): string {
  const date = new Date(created);
  const isKnown = date.getTime() > 0; // images that are built reproducibly say 1970
  return isKnown ? date.toLocaleDateString() : '';
}
