// The part of the form that chooses a kernel of an image.
import { TranslationBundle } from '@jupyterlab/translation';
import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';
import { toProblem } from '../client/requests';
import { IGpuContainersModel } from '../tokens';
import { IImage, IProblem } from '../client/wire';
import { Problem } from '../widgets/problem';

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
          {chosen?.carried ? trans.__('added when it starts') : ''}
        </span>
      </label>
      {problem && <Problem problem={problem} />}
    </>
  );
}
