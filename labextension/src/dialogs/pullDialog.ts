// The question before much is downloaded.
import { Dialog } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { IImageDetails } from '../client/wireImages';
import { formatSize, formatDuration } from '../model/format';
import { allReasons, needsWarning } from '../model/verdicts';
import { VerdictReasons } from '../widgets/verdict';

/**
 * Ask whether an image is to be downloaded: how much, how long, and what room there is.
 *
 * @param title - what the image is called where it was chosen
 * @param details - null where its registry did not tell
 */
export async function askToPull(
  trans: TranslationBundle,
  title: string,
  reference: string,
  details: IImageDetails | null
): Promise<boolean> {
  const isWarning = needsWarning(details?.verdict);
  const disk =
    details &&
    allReasons(details.verdict).find(({ code }) => code.startsWith('disk_'));
  const body = React.createElement(
    'div',
    { className: 'jp-GpuContainers-remove' },
    React.createElement('p', null, reference),
    React.createElement('p', null, promise(trans, details)),
    isWarning && details
      ? React.createElement(VerdictReasons, { trans, verdict: details.verdict })
      : disk && React.createElement('p', null, disk.message)
  );
  const { button } = await new Dialog<void>({
    title: trans.__('Pull %1?', title),
    body: ReactWidget.create(body),
    buttons: [
      Dialog.cancelButton({ label: trans.__('Cancel') }),
      isWarning
        ? Dialog.warnButton({ label: trans.__('Pull Anyway') })
        : Dialog.okButton({ label: trans.__('Pull') })
    ]
  }).launch();
  return button.accept;
}

/** How much is downloaded, and how long it takes. */
function promise(
  trans: TranslationBundle,
  details: IImageDetails | null
): string {
  const { download = null, fetch_seconds = null } = details ?? {};
  if (download === null) {
    return trans.__('How much there is to download is not known.');
  }
  return fetch_seconds === null
    ? trans.__('%1 are downloaded.', formatSize(download))
    : trans.__(
        '%1 are downloaded, which takes about %2.',
        formatSize(download),
        formatDuration(trans, fetch_seconds)
      );
}
