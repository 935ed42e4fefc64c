// The right-hand side of the dialog, above its fields: what was chosen, and what starting it means.
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { IVerdict } from '../client/wireImages';
import { formatSize, formatDuration, imageTitle } from '../model/format';
import { needsWarning } from '../model/verdicts';
import { IGpuContainersModel, IRegistriesModel } from '../tokens';
import { Chips } from '../widgets/chip';
import { VerdictReasons } from '../widgets/verdict';
import { About, RemoteState, VersionFields } from './remoteImage';
import { ILaunchChoice } from './useLaunchChoice';

/** Name, facts, and what is to be known before it is started. */
export function ChosenImage(props: {
  form: ILaunchChoice;
  model: IGpuContainersModel;
  registries: IRegistriesModel | null;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { form, model, registries, trans } = props;
  const { option, image, remote } = form;
  if (!option) {
    return (
      <p className="jp-GpuContainers-empty jp-GpuContainers-nothing">
        {trans.__(
          'Choose what the notebook is to run in: an image with the programs and libraries that it needs.'
        )}
      </p>
    );
  }
  const verdict = verdictOf(form);
  return (
    <div className="jp-GpuContainers-chosen" aria-live="polite">
      <h3>{image ? imageTitle(image) : option.title}</h3>
      {image ? (
        <>
          <p className="jp-GpuContainers-subtitle">{option.subtitle}</p>
          <Chips image={image} trans={trans} />
        </>
      ) : (
        <>
          {option.entry && <About entry={option.entry} trans={trans} />}
          <VersionFields
            remote={remote}
            reference={option.reference}
            model={model}
            trans={trans}
          />
          {remote.details ? (
            <Chips image={remote.details} trans={trans} />
          ) : (
            registries && (
              <RemoteState
                remote={remote}
                registries={registries}
                trans={trans}
              />
            )
          )}
          {remote.mayPull && !remote.details?.on_engine && (
            <p className="jp-GpuContainers-promise">
              {downloadPromise(trans, form)}
            </p>
          )}
        </>
      )}
      {verdict && needsWarning(verdict, form.count) && (
        <div className="jp-GpuContainers-problem" role="alert">
          <VerdictReasons verdict={verdict} trans={trans} />
        </div>
      )}
    </div>
  );
}

function verdictOf({ image, remote }: ILaunchChoice): IVerdict | null {
  return image ? image.verdict : (remote.details?.verdict ?? null);
}

/** What the button does with an image that is not here. */
function downloadPromise(
  trans: TranslationBundle,
  { remote }: ILaunchChoice
): string {
  const { download = null, fetch_seconds = null } = remote.details ?? {};
  const wait = trans.__(
    'You can go on working: cells that you run meanwhile wait for it.'
  );
  const what =
    download === null
      ? trans.__('It is downloaded first, then the kernel starts.')
      : fetch_seconds === null
        ? trans.__(
            '%1 are downloaded first, then the kernel starts.',
            formatSize(download)
          )
        : trans.__(
            '%1 are downloaded first, which takes about %2; then the kernel starts.',
            formatSize(download),
            formatDuration(trans, fetch_seconds)
          );
  return [what, wait].join(' ');
}

/** What the button that starts it is called, and whether something speaks against it. */
export function confirmation(
  trans: TranslationBundle,
  form: ILaunchChoice
): { label: string; isWarning: boolean } {
  const isWarning = needsWarning(verdictOf(form), form.count);
  const isHere = form.image !== null || form.remote.details?.on_engine === true;
  return {
    isWarning,
    label: isWarning
      ? isHere
        ? trans.__('Start Anyway')
        : trans.__('Download Anyway')
      : isHere || form.option === null
        ? trans.__('Start')
        : trans.__('Download and Start')
  };
}
