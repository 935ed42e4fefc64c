// The parts of the form that chooses an environment: one image of the list, and the kernel.
import { TranslationBundle } from '@jupyterlab/translation';
import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';
import { formatBytes, imageTitle } from '../model/format';
import { toProblem } from '../client/requests';
import { IGpuContainersModel } from '../tokens';
import { IImage, IProblem } from '../client/wire';
import { ImageDetail } from '../panel/images';
import { Problem } from '../widgets/problem';

/** One image of the list, with a button that starts it at once. */
export function Choice(props: {
  image: IImage;
  trans: TranslationBundle;
  isChosen: boolean;
  onChoose: () => void;
  onStart: () => void;
}): React.JSX.Element {
  const { image, trans, isChosen } = props;
  const title = imageTitle(image);
  return (
    <div
      className="jp-GpuContainers-choice"
      data-chosen={isChosen || undefined}
    >
      <label>
        <input
          type="radio"
          name="jp-GpuContainers-image"
          checked={isChosen}
          disabled={image.problem !== null}
          onChange={props.onChoose}
        />
        <span className="jp-GpuContainers-choiceText">
          <span className="jp-GpuContainers-title">{title}</span>
          <ImageDetail image={image} trans={trans} />
        </span>
        <span className="jp-GpuContainers-detail">
          {formatBytes(image.size)}
        </span>
      </label>
      <button
        className="jp-Button jp-GpuContainers-start"
        disabled={image.problem !== null}
        aria-label={trans.__('Start %1', title)}
        onClick={props.onStart}
      >
        {trans.__('Start')}
      </button>
    </div>
  );
}

/** The kernels of an image; it is looked into when it is chosen for the first time. */
export function KernelField(props: {
  image: IImage;
  model: IGpuContainersModel;
  trans: TranslationBundle;
  kernel: string;
  onChange: (kernel: string) => void;
}): React.JSX.Element {
  const { image, model, trans, kernel, onChange } = props;
  const [problem, setProblem] = React.useState<IProblem | null>(null);
  const isKnown = image.kernels !== null;
  React.useEffect(() => {
    let isCurrent = true;
    setProblem(null);
    if (!isKnown) {
      model.details(image.id).catch((reason: unknown) => {
        if (isCurrent) {
          setProblem(toProblem(reason));
        }
      });
    }
    return () => {
      isCurrent = false;
    };
  }, [image.id, isKnown]);
  const kernels = image.kernels ?? [];
  const chosen = kernels.find(({ name }) => name === kernel) ?? kernels[0];
  return (
    <>
      <label>
        <span>{trans.__('Kernel')}</span>
        <HTMLSelect
          value={chosen?.name ?? ''}
          disabled={kernels.length === 0}
          onChange={event => onChange(event.target.value)}
        >
          {kernels.map(({ name, display_name }) => (
            <option key={name} value={name}>
              {display_name}
            </option>
          ))}
        </HTMLSelect>
        <span className="jp-GpuContainers-detail" role="status">
          {!isKnown && !problem ? trans.__('looking into the image…') : ''}
          {isKnown && kernels.length === 0 ? trans.__('has none') : ''}
        </span>
      </label>
      {problem && <Problem problem={problem} />}
    </>
  );
}
