// One image that may be fetched: its versions, whether it runs here, how much there is to fetch.
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { formatSize } from '../model/format';
import { IGpuContainersModel, IRegistriesModel } from '../tokens';
import { ICatalogueEntry, IImageDetails } from '../client/wireImages';
import { ImageFacts } from '../widgets/imageFacts';
import {
  About,
  RemoteState,
  VersionFields,
  useRemoteImage
} from './remoteImage';

interface IChoiceProps {
  /** Without a tag, the registry's newest one is taken. */
  reference: string;
  /** What the catalogue says of it. */
  entry: ICatalogueEntry | null;
  model: IGpuContainersModel;
  registries: IRegistriesModel;
  trans: TranslationBundle;
  onPull: (reference: string, details: IImageDetails | null) => void;
}

/** The right-hand side of the dialog. */
export function ImageChoice(props: IChoiceProps): React.JSX.Element {
  const { reference, entry, model, registries, trans, onPull } = props;
  const remote = useRemoteImage(reference, entry, model, name =>
    registries.tags(name)
  );
  const { details } = remote;
  return (
    <div className="jp-GpuContainers-choiceDetails">
      <div className="jp-GpuContainers-choiceHead">
        <h3>{entry?.title ?? reference}</h3>
        {entry && <About entry={entry} trans={trans} />}
      </div>
      <VersionFields
        remote={remote}
        reference={reference}
        model={model}
        trans={trans}
      />
      <div className="jp-GpuContainers-choiceAnswer" aria-live="polite">
        <RemoteState remote={remote} registries={registries} trans={trans} />
        {details && <ImageFacts details={details} trans={trans} />}
      </div>
      <button
        className="jp-Dialog-button jp-mod-accept jp-mod-styled jp-GpuContainers-pull"
        disabled={!remote.mayPull}
        onClick={() => onPull(remote.wanted, details)}
      >
        {pullLabel(trans, details)}
      </button>
    </div>
  );
}

function pullLabel(
  trans: TranslationBundle,
  details: IImageDetails | null
): string {
  if (details?.on_engine) {
    return trans.__('Pull Again');
  }
  return details?.download
    ? trans.__('Pull %1', formatSize(details.download))
    : trans.__('Pull');
}
