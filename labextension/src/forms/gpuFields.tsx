// The part of the form that asks for GPUs: how many, of which size, or a particular one.
import { TranslationBundle } from '@jupyterlab/translation';
import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';
import { formatMemory, gpuCount } from '../model/format';
import {
  IGpuKind,
  availableTo,
  canBeHad,
  freeOf,
  holdersOf
} from '../model/gpuKinds';
import { namesOf } from '../model/loss';
import { IGpu } from '../client/wire';

/** What the fields ask for. */
export interface IGpuChoice {
  /** MIG profile, or null. */
  profile: string | null;
  /** UUID of a particular GPU, or null for any. */
  uuid: string | null;
}

interface IGpuProps {
  kind: IGpuKind;
  choice: IGpuChoice;
  count: number;
  trans: TranslationBundle;
  onChoice: (choice: IGpuChoice) => void;
}

/** Size and number; the number is the form's own, since each image has its usual one. */
export function GpuFields(
  props: IGpuProps & {
    kinds: IGpuKind[];
    /** The notebook's present kernel, whose GPUs would be handed over. */
    kernelId: string | undefined;
    /** How many there are, as far as a kernel may have them. */
    most: number;
    onCount: (count: number) => void;
  }
): React.JSX.Element {
  const { kinds, kind, choice, count, kernelId, trans } = props;
  const { onCount, onChoice } = props;
  const particular = particularOf(kind, choice);
  const most = Math.min(props.most, particular ? 1 : kind.gpus.length);
  const own = kind.gpus.filter(({ holders }) =>
    holders.some(by => by.kernel_id === kernelId)
  ).length;
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
            ? freeOf(trans, kind.gpus, kinds.length > 1)
            : trans.__('this machine has none')}
          {own > 0 &&
            trans._n(', and %1 of its own', ', and %1 of its own', own)}
        </span>
      </label>
      {count > 0 && (
        <>
          <Wait
            gpus={particular ? [particular] : kind.gpus}
            count={count}
            kernelId={kernelId}
            trans={trans}
          />
          <Caveat gpus={particular ? [particular] : kind.gpus} trans={trans} />
        </>
      )}
    </>
  );
}

/** The particular GPU, where one is asked for and there. */
export function particularOf(
  kind: IGpuKind,
  choice: IGpuChoice
): IGpu | undefined {
  return kind.gpus.find(({ uuid }) => uuid === choice.uuid);
}

/** Which GPU it is to be, for who cares. */
export function WhichGpu(props: IGpuProps): React.JSX.Element | null {
  const { kind, choice, count, trans, onChoice } = props;
  if (kind.gpus.length < 2) {
    return null;
  }
  const particular = particularOf(kind, choice);
  return (
    <label>
      <span>{trans.__('Which GPU')}</span>
      <HTMLSelect
        value={particular?.uuid ?? ''}
        disabled={count === 0}
        onChange={event =>
          onChoice({ ...choice, uuid: event.target.value || null })
        }
      >
        <option value="">{trans.__('Whichever is free')}</option>
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
      <span
        className="jp-GpuContainers-subtitle"
        title={particular?.uuid ?? ''}
      >
        {particular?.uuid ?? ''}
      </span>
    </label>
  );
}

/** What happens where too few GPUs are free, and who has them. */
function Wait(props: {
  gpus: IGpu[];
  count: number;
  kernelId: string | undefined;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { gpus, count, kernelId, trans } = props;
  const available = availableTo(gpus, kernelId);
  if (available >= count) {
    return null;
  }
  const holders = holdersOf(trans, gpus, kernelId);
  return (
    <p className="jp-GpuContainers-caveat" role="note">
      {available === 0
        ? trans.__('None is free now, so you will wait in line.')
        : trans._n(
            'Only %1 is free now, so you will wait in line.',
            'Only %1 are free now, so you will wait in line.',
            available
          )}{' '}
      {holders.length > 0 &&
        trans.__('In use by: %1.', namesOf(trans, holders, 4))}
    </p>
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
  const free = trans.__('%1 free', formatMemory(gpu.memory_free));
  const title = trans.__('GPU %1: %2, %3', gpu.index, name, free);
  return canBeHad(gpu) ? title : trans.__('%1 (taken)', title);
}
