// The dialog's body: choose image, kernel and number of GPUs.
import { TranslationBundle } from '@jupyterlab/translation';
import {
  FilterBox,
  HTMLSelect,
  ReactWidget,
  UseSignal
} from '@jupyterlab/ui-components';
import * as React from 'react';
import {
  allocatable,
  gpuCount,
  imageKey,
  imageTitle,
  isImage,
  usualGpus
} from '../format';
import { IGpuContainersModel } from '../tokens';
import { needsWarning } from '../verdicts';
import { IImage, INewLaunch } from '../wire';
import { freeGpus } from './gpus';
import { Choice, KernelField } from './launchFields';
import { Problem } from './problem';
import { VerdictReasons } from './verdict';

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
  const leaves = allocatable(model.gpus?.gpus ?? []);

  const own = leaves.filter(
    ({ holder }) => holder && holder.kernel_id === props.kernelId
  ).length;

  const [imageId, setImageId] = React.useState<string | null>(null);
  const [kernel, setKernel] = React.useState('');
  const [gpus, setGpus] = React.useState<number | null>(null);
  const [filter, setFilter] = React.useState('');

  const image =
    usable.find(({ id }) => id === imageId) ??
    usable.find(other => props.image && isImage(other, props.image)) ??
    usable.find(({ verdict }) => !needsWarning(verdict)) ??
    usable[0];
  /** How many GPUs are asked for with an image. */
  const countFor = (of: IImage) =>
    Math.min(gpus ?? props.gpus ?? usualGpus(of), leaves.length);
  /** What is asked for with an image. */
  const request = (of: IImage): INewLaunch => ({
    image: imageKey(of),
    gpus: countFor(of),
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
          <label>
            <span>{trans.__('GPUs')}</span>
            <HTMLSelect
              value={countFor(image)}
              onChange={event => setGpus(Number(event.target.value))}
            >
              {[...Array(leaves.length + 1).keys()].map(n => (
                <option key={n} value={n}>
                  {gpuCount(trans, n)}
                </option>
              ))}
            </HTMLSelect>
            <span className="jp-GpuContainers-detail">
              {model.gpus && leaves.length > 0
                ? freeGpus(trans, model.gpus)
                : trans.__('this machine has none')}
              {own > 0 &&
                trans._n(', and %1 of its own', ', and %1 of its own', own)}
            </span>
          </label>
        </div>
      )}
    </>
  );
}
