// Facts of an image as small labels: words with a sign, the reasons on hover.
import { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { ChipSubject, IChip, chipsOf } from '../model/chips';

/** One fact; the words carry the meaning, sign and colour repeat it. */
export function Chip(props: { chip: IChip }): React.JSX.Element {
  const { kind, text, title, rating } = props.chip;
  return (
    <span
      className="jp-GpuContainers-chip"
      data-kind={kind}
      data-rating={rating}
      title={title}
    >
      {text}
    </span>
  );
}

/** The facts of an image, in a row that wraps. */
export function Chips(props: {
  image: ChipSubject;
  trans: TranslationBundle;
  /** Kinds that go without saying where they stand. */
  without?: readonly IChip['kind'][];
}): React.JSX.Element | null {
  const { image, trans, without = [] } = props;
  const chips = chipsOf(trans, image).filter(
    ({ kind }) => !without.includes(kind)
  );
  return chips.length === 0 ? null : (
    <span className="jp-GpuContainers-chips">
      {chips.map(chip => (
        <Chip key={chip.kind} chip={chip} />
      ))}
    </span>
  );
}
