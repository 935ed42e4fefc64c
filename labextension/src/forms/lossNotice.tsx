// What is lost when the notebook gets another kernel, and an offer to keep it first.
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { IJob } from '../client/wireImages';
import { isChanged, lossText } from '../model/loss';
import { IGpuContainersModel } from '../tokens';
import { useAnswer } from './answer';

/** The present kernel of the notebook. */
export interface IPresentKernel {
  /** What people call it. */
  name: string;
  /** Its launch, where it runs in a container of ours. */
  launchId: string | null;
}

/** One sentence or two; never blocks, and what cannot be found out is not said. */
export function LossNotice(props: {
  kernel: IPresentKernel;
  model: IGpuContainersModel;
  trans: TranslationBundle;
  /** The job that keeps it, while it goes on. */
  saving: IJob | null;
  onSave: () => void;
}): React.JSX.Element {
  const { kernel, model, trans, saving } = props;
  const { launchId, name } = kernel;
  const { value: changes } = useAnswer(launchId ?? '', () =>
    model.changes(launchId ?? '')
  );
  const text = changes && isChanged(changes) ? lossText(trans, changes) : '';
  return (
    <div className="jp-GpuContainers-loss" role="note">
      <p>
        {trans.__(
          'The variables of the present kernel (%1) will be lost.',
          name
        )}{' '}
        {text && trans.__('So will what was added to its container: %1.', text)}
      </p>
      {saving ? (
        <p role="status">
          {trans.__(
            'Saving it as %1. You can start when that is done.',
            saving.reference
          )}
        </p>
      ) : (
        text && (
          <button className="jp-GpuContainers-link" onClick={props.onSave}>
            {trans.__('Save as image first…')}
          </button>
        )
      )}
    </div>
  );
}
