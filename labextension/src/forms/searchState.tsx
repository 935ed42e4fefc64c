// Below the images: what registries are being asked, and why they tell nothing.
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { Problem } from '../widgets/problem';
import { ILaunchChoice } from './useLaunchChoice';

/** Words where there are no rows. */
export function SearchState(props: {
  form: ILaunchChoice;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { form, trans } = props;
  const { catalogue, search, groups, query, onlyFitting } = form;
  const isBusy = catalogue.isLoading || search.isLoading || form.isResting;
  return (
    <div className="jp-GpuContainers-searchState" role="status">
      {isBusy && (
        <p className="jp-GpuContainers-empty">
          {query ? trans.__('Searching…') : trans.__('Loading…')}
        </p>
      )}
      {catalogue.problem && <Problem problem={catalogue.problem} isFact />}
      {search.problem && <Problem problem={search.problem} isFact />}
      {!isBusy && groups.length === 0 && (
        <p className="jp-GpuContainers-empty">
          {query && onlyFitting
            ? trans.__('Nothing of this name is known to run here.')
            : query
              ? trans.__(
                  'Nothing of this name. Type the whole name of an image, such as nvcr.io/nvidia/pytorch.'
                )
              : onlyFitting
                ? trans.__('No image is known to run here.')
                : trans.__('There is no image on this machine yet.')}
        </p>
      )}
    </div>
  );
}
