// The part of the form that is folded away: RAM, shared memory, data.
import { TranslationBundle } from '@jupyterlab/translation';
import { HTMLSelect } from '@jupyterlab/ui-components';
import * as React from 'react';
import { ILimit, ILimits } from '../client/wire';
import { formatMemory } from '../model/format';

/** What the fields ask for; null = what is usual on this server. */
export interface ILimitChoice {
  /** In bytes, like the next. */
  memory: number | null;
  shmSize: number | null;
  /** Names of data mounts. */
  mounts: string[] | null;
}

const GIB = 1024 ** 3;
/** What is offered, in GiB. */
const MEMORY = [2, 4, 8, 16, 32, 64, 128, 256, 512];
const SHARED = [1, 2, 4, 8, 16, 32, 64];

/** The fields; where the server tells no limits there is nothing to choose. */
export function LimitFields(props: {
  limits: ILimits;
  choice: ILimitChoice;
  trans: TranslationBundle;
  onChange: (choice: ILimitChoice) => void;
}): React.JSX.Element {
  const { limits, choice, trans, onChange } = props;
  const chosen = mountsOf(limits, choice);
  return (
    <>
      <SizeField
        label={trans.__('RAM')}
        limit={limits.memory}
        ram={limits.ram}
        sizes={MEMORY}
        value={choice.memory}
        trans={trans}
        onChange={memory => onChange({ ...choice, memory })}
      >
        {limits.ram
          ? trans.__(
              'of %1 in this machine; a kernel that wants more is stopped',
              formatMemory(limits.ram)
            )
          : trans.__('a kernel that wants more is stopped')}
      </SizeField>
      <SizeField
        label={trans.__('Shared memory')}
        limit={limits.shm_size}
        ram={limits.ram}
        sizes={SHARED}
        value={choice.shmSize}
        trans={trans}
        onChange={shmSize => onChange({ ...choice, shmSize })}
      >
        {trans.__('for data loaders with several workers')}
      </SizeField>
      {limits.mounts.length > 0 && (
        <fieldset>
          <legend>{trans.__('Data')}</legend>
          {limits.mounts.map(({ name, path, read_only }) => (
            <label key={name}>
              <input
                type="checkbox"
                checked={chosen.includes(name)}
                onChange={({ target }) =>
                  onChange({
                    ...choice,
                    mounts: limits.mounts
                      .map(mount => mount.name)
                      .filter(other =>
                        other === name ? target.checked : chosen.includes(other)
                      )
                  })
                }
              />
              <span>{name}</span>
              <span className="jp-GpuContainers-detail">
                {read_only
                  ? trans.__('as %1, to read', path)
                  : trans.__('as %1, to read and write', path)}
              </span>
            </label>
          ))}
        </fieldset>
      )}
    </>
  );
}

function SizeField(props: {
  label: string;
  limit: ILimit;
  /** Bytes that the machine has; null where it is not known. */
  ram: number | null;
  /** In GiB. */
  sizes: readonly number[];
  value: number | null;
  trans: TranslationBundle;
  children: React.ReactNode;
  onChange: (value: number | null) => void;
}): React.JSX.Element {
  const { label, limit, ram, value, trans, onChange } = props;
  const most = limit.max ?? Infinity;
  const sizes = new Set(
    props.sizes.map(size => size * GIB).filter(size => size <= most)
  );
  if (value !== null) {
    sizes.add(value);
  }
  return (
    <label>
      <span>{label}</span>
      <HTMLSelect
        value={value ?? ''}
        onChange={({ target }) =>
          onChange(target.value === '' ? null : Number(target.value))
        }
      >
        <option value="">
          {limit.default === null
            ? trans.__('No limit')
            : trans.__('Usual: %1', formatMemory(limit.default))}
        </option>
        {[...sizes]
          .sort((a, b) => a - b)
          .map(size => (
            <option key={size} value={size}>
              {formatMemory(size)}
            </option>
          ))}
      </HTMLSelect>
      {ram && value !== null && value > ram ? (
        <span className="jp-GpuContainers-warning" role="alert">
          {trans.__('more than this machine has: %1 RAM', formatMemory(ram))}
        </span>
      ) : (
        <span className="jp-GpuContainers-detail">{props.children}</span>
      )}
    </label>
  );
}

/** The data mounts that are chosen. */
function mountsOf(limits: ILimits, { mounts }: ILimitChoice): string[] {
  return limits.mounts
    .filter(({ name, default: isUsual }) =>
      mounts === null ? isUsual : mounts.includes(name)
    )
    .map(({ name }) => name);
}

/** What a kernel gets, in one line; what was chosen is told even while the fields are folded away. */
export function LimitSummary(props: {
  limits: ILimits;
  choice: ILimitChoice;
  /** Index of the particular GPU that is asked for. */
  gpu: number | null;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { limits, choice, gpu, trans } = props;
  const all = [
    memoryText(trans, choice.memory ?? limits.memory.default),
    sharedText(trans, choice.shmSize ?? limits.shm_size.default),
    mountsText(trans, limits, choice),
    gpu === null ? '' : trans.__('GPU %1', gpu)
  ];
  const chosen = [
    choice.memory !== null,
    choice.shmSize !== null,
    choice.mounts !== null,
    gpu !== null
  ];
  const text = (texts: string[]) => texts.filter(Boolean).join(' · ');
  return chosen.includes(true) ? (
    <strong>· {text(all.filter((_, index) => chosen[index]))}</strong>
  ) : (
    <span className="jp-GpuContainers-detail">
      {trans.__('as usual: %1', text(all))}
    </span>
  );
}

function memoryText(trans: TranslationBundle, memory: number | null): string {
  return memory === null
    ? trans.__('RAM without limit')
    : trans.__('%1 RAM', formatMemory(memory));
}

function sharedText(trans: TranslationBundle, shared: number | null): string {
  return shared === null ? '' : trans.__('%1 shared', formatMemory(shared));
}

function mountsText(
  trans: TranslationBundle,
  limits: ILimits,
  choice: ILimitChoice
): string {
  if (limits.mounts.length === 0) {
    return '';
  }
  const mounts = mountsOf(limits, choice);
  return mounts.length === 0
    ? trans.__('no data')
    : trans.__('data: %1', mounts.join(', '));
}
