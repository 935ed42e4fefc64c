// The dialog's body: choose image, kernel and number of GPUs.
import { TranslationBundle } from '@jupyterlab/translation';
import { FilterBox, ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';
import { imageKey, imageTitle, isImage, usualGpus } from '../model/format';
import { gpuKinds } from '../model/gpuKinds';
import { IGpuContainersModel } from '../tokens';
import { needsWarning } from '../model/verdicts';
import { IImage, INewLaunch } from '../client/wire';
import { GpuFields, IGpuChoice } from './gpuFields';
import { Choice, KernelField } from './launchFields';
import { Problem } from '../widgets/problem';
import { VerdictReasons } from '../widgets/verdict';

/** From this many images on, there is a box to filter them. */
const FILTER_FROM = 8;

/** Asks for image, kernel and number of GPUs. */
export class LaunchForm extends ReactWidget {
  constructor(private readonly _options: LaunchForm.IOptions) {
    super();
    this.addClass('jp-GpuContainers-form');
  }

  /** What was chosen, or null where there is nothing to choose. */
  getValue(): INewLaunch | null {
    return this._value;
  }

  protected render(): React.JSX.Element {
    return (
      <UseSignal signal={this._options.model.changed}>
        {() => (
          <Form
            {...this._options}
            onChange={value => {
              this._value = value;
            }}
          />
        )}
      </UseSignal>
    );
  }

  private _value: INewLaunch | null = null;
}

/** Types of the form. */
export namespace LaunchForm {
  /** What the form starts from. */
  export interface IOptions {
    model: IGpuContainersModel;
    trans: TranslationBundle;
    /** Reference or id of the image that is chosen at first. */
    image?: string;
    /** Number of GPUs that is chosen at first. */
    gpus?: number;
    /** Size of MIG instances that is chosen at first. */
    gpuProfile?: string;
    /** The notebook's present kernel, whose GPUs can be handed over. */
    kernelId?: string;
    /** Called when a row's own button is used. */
    onSubmit: () => void;
    /** Called when an image is wanted that is not in the list. */
    onAddImage: () => void;
  }
}

function Form(
  props: LaunchForm.IOptions & {
    onChange: (value: INewLaunch | null) => void;
  }
): React.JSX.Element {
  const { model, trans, onChange, onSubmit } = props;
  const images = model.images ?? [];
  const usable = images.filter(image => !image.problem);
  const kinds = gpuKinds(model.gpus?.gpus ?? []);

  const [imageId, setImageId] = React.useState<string | null>(null);
  const [kernel, setKernel] = React.useState('');
  const [gpus, setGpus] = React.useState<number | null>(null);
  const [choice, setChoice] = React.useState<IGpuChoice>({
    profile: props.gpuProfile ?? null,
    uuid: null
  });
  const [filter, setFilter] = React.useState('');

  const image =
    usable.find(({ id }) => id === imageId) ??
    usable.find(other => props.image && isImage(other, props.image)) ??
    usable.find(({ verdict }) => !needsWarning(verdict)) ??
    usable[0];
  const kind =
    kinds.find(({ profile }) => profile === choice.profile) ?? kinds[0];
  const { uuid } = kind.gpus.find(gpu => gpu.uuid === choice.uuid) ?? {};
  const own = kind.gpus.filter(({ holders }) =>
    holders.some(by => by.kernel_id === props.kernelId)
  ).length;
  const most = Math.min(
    kind.gpus.length,
    model.gpus?.max_per_kernel ?? kind.gpus.length
  );
  /** How many GPUs are asked for with an image. */
  const countFor = (of: IImage) =>
    Math.min(gpus ?? props.gpus ?? usualGpus(of), uuid ? 1 : most, most);
  /** What is asked for with an image. */
  const request = (of: IImage): INewLaunch => ({
    image: imageKey(of),
    gpus: countFor(of),
    ...(countFor(of) === 0
      ? {}
      : uuid
        ? { gpu_uuids: [uuid] }
        : kind.profile
          ? { gpu_profile: kind.profile }
          : {}),
    ...(of.kernels?.some(({ name }) => name === kernel) ? { kernel } : {})
  });
  onChange(image ? request(image) : null);

  const problem = model.status?.problem ?? model.problem;
  if (problem && !images.length) {
    return <Problem problem={problem} />;
  }
  if (!model.images) {
    return <p role="status">{trans.__('Loading…')}</p>;
  }
  const shown = images.filter(other =>
    [imageTitle(other), ...other.references]
      .join(' ')
      .toLowerCase()
      .includes(filter.toLowerCase())
  );
  return (
    <>
      {images.length >= FILTER_FROM && (
        <FilterBox
          updateFilter={(_, query) => setFilter(query ?? '')}
          placeholder={trans.__('Filter images')}
          useFuzzyFilter={false}
          caseSensitive={false}
        />
      )}
      <div
        className="jp-GpuContainers-choices"
        role="radiogroup"
        aria-label={trans.__('Image')}
      >
        {shown.map(other => (
          <Choice
            key={other.id}
            image={other}
            trans={trans}
            isChosen={other === image}
            onChoose={() => setImageId(other.id)}
            onStart={() => {
              onChange(request(other));
              onSubmit();
            }}
          />
        ))}
        {images.length === 0 && (
          <p className="jp-GpuContainers-empty">
            {trans.__('There is no image on this machine yet.')}
          </p>
        )}
        <button
          className="jp-GpuContainers-link jp-GpuContainers-other"
          onClick={props.onAddImage}
        >
          {trans.__('Add another image…')}
        </button>
      </div>
      {image?.verdict && needsWarning(image.verdict, countFor(image)) && (
        <div className="jp-GpuContainers-problem" role="alert">
          <VerdictReasons verdict={image.verdict} trans={trans} />
        </div>
      )}
      {image && (
        <div className="jp-GpuContainers-fields">
          <KernelField
            image={image}
            model={model}
            trans={trans}
            kernel={kernel}
            onChange={setKernel}
          />
          <GpuFields
            kinds={kinds}
            kind={kind}
            choice={choice}
            count={countFor(image)}
            own={own}
            most={most}
            trans={trans}
            onCount={setGpus}
            onChoice={setChoice}
          />
        </div>
      )}
    </>
  );
}
