// The part of the form that asks for GPUs: how many, of which size, or a particular one.
import { TranslationBundle } from '@jupyterlab/translation';
import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';
import { formatBytes, gpuCount } from '../model/format';
import { IGpuKind, canBeHad } from '../model/gpuKinds';
import { IGpu } from '../client/wire';
import { freeOf } from '../panel/gpus';

/** What the fields ask for. */
export interface IGpuChoice {
  /** MIG profile, or null. */
  profile: string | null;
  /** UUID of a particular GPU, or null for any. */
  uuid: string | null;
}

/** The fields; the number is the form's own, since each image has its usual one. */
export function GpuFields(props: {
  kinds: IGpuKind[];
  kind: IGpuKind;
  choice: IGpuChoice;
  count: number;
  /** How many the notebook's present kernel would hand over. */
  own: number;
  /** How many there are, as far as a kernel may have them. */
  most: number;
  trans: TranslationBundle;
  onCount: (count: number) => void;
  onChoice: (choice: IGpuChoice) => void;
}): React.JSX.Element {
  const { kinds, kind, choice, count, own, trans, onCount, onChoice } = props;
  const particular = kind.gpus.find(({ uuid }) => uuid === choice.uuid);
  const most = Math.min(props.most, particular ? 1 : kind.gpus.length);
  return (
    <>
      {kinds.length > 1 && (
        <label>
          <span>{trans.__('GPU size')}</span>
          <HTMLSelect
            value={kind.profile ?? ''}
            onChange={event =>
              onChoice({ profile: event.target.value || null, uuid: null })
            }
          >
            {kinds.map(({ profile, gpus }) => (
              <option key={profile} value={profile ?? ''}>
                {profile ??
                  (gpus.some(gpu => gpu.mig_profile === null)
                    ? trans.__('Whole GPU')
                    : trans.__('Any size'))}
              </option>
            ))}
          </HTMLSelect>
          <span className="jp-GpuContainers-detail">
            {kind.profile && trans.__('a part of a GPU, with its own memory')}
          </span>
        </label>
      )}
      <label>
        <span>{trans.__('GPUs')}</span>
        <HTMLSelect
          value={count}
          onChange={event => onCount(Number(event.target.value))}
        >
          {[...Array(most + 1).keys()].map(n => (
            <option key={n} value={n}>
              {n && kind.profile
                ? trans.__('%1 × %2', n, kind.profile)
                : gpuCount(trans, n)}
            </option>
          ))}
        </HTMLSelect>
        <span className="jp-GpuContainers-detail">
          {kind.gpus.length > 0
            ? freeOf(trans, kind.gpus)
            : trans.__('this machine has none')}
          {own > 0 &&
            trans._n(', and %1 of its own', ', and %1 of its own', own)}
        </span>
      </label>
      {count > 0 && (
        <Caveat gpus={particular ? [particular] : kind.gpus} trans={trans} />
      )}
      {kind.gpus.length > 1 && (
        <details className="jp-GpuContainers-advanced">
          <summary>{trans.__('Advanced')}</summary>
          <label>
            <span>{trans.__('Which GPU')}</span>
            <HTMLSelect
              value={particular?.uuid ?? ''}
              disabled={count === 0}
              onChange={event =>
                onChoice({ ...choice, uuid: event.target.value || null })
              }
            >
              <option value="">
                {trans.__('Any, the least loaded first')}
              </option>
              {kind.gpus.map(gpu => (
                <option
                  key={gpu.uuid}
                  value={gpu.uuid}
                  disabled={gpu.state === 'unavailable'}
                >
                  {gpuTitle(trans, gpu)}
                </option>
              ))}
            </HTMLSelect>
            <span className="jp-GpuContainers-detail">
              {particular?.uuid ?? ''}
            </span>
          </label>
        </details>
      )}
    </>
  );
}

/** What sharing means, where a kernel may get a GPU that it does not have alone. */
function Caveat(props: {
  gpus: IGpu[];
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { gpus, trans } = props;
  const most = Math.max(...gpus.map(({ slots }) => slots));
  if (most < 2) {
    return null;
  }
  const words = gpus.every(({ slots }) => slots > 1)
    ? trans.__('Up to %1 kernels share a GPU here.', most)
    : trans.__('Some GPUs here are shared by up to %1 kernels.', most);
  return (
    <p className="jp-GpuContainers-caveat" role="note">
      {words}{' '}
      {trans.__(
        'They share its memory without any limit: one that takes all of it makes the others fail.'
      )}
    </p>
  );
}

function gpuTitle(trans: TranslationBundle, gpu: IGpu): string {
  const name = gpu.mig_profile ?? gpu.name.replace(/^NVIDIA /, '');
  const free = trans.__('%1 free', formatBytes(gpu.memory_free));
  const title = trans.__('GPU %1: %2, %3', gpu.index, name, free);
  return canBeHad(gpu) ? title : trans.__('%1 (taken)', title);
}
