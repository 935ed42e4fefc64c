// A bar of several parts; drawn, so that it needs no inline style.
import * as React from 'react';

/** How wide a bar is in the drawing's own units. */
const WIDTH = 1000;
/** Units between two parts. */
const GAP = 6;

/** A bar that tells how much of something is used, and by whom. */
export function Bar(props: {
  /** What it measures; read out. */
  label: string;
  /** The value in words. */
  text: string;
  max: number;
  /** What is used; parts that are nobody's own have no number. */
  parts: readonly { value: number; number: number | null }[];
  isThin?: boolean;
}): React.JSX.Element {
  const { label, text, max, parts, isThin } = props;
  const sum = parts.reduce((total, { value }) => total + value, 0);
  let start = 0;
  return (
    <svg
      className="jp-GpuContainers-meter"
      data-thin={isThin || undefined}
      viewBox={`0 0 ${WIDTH} 1`}
      preserveAspectRatio="none"
      role="meter"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={max}
      aria-valuenow={Math.min(sum, max)}
      aria-valuetext={text}
    >
      <title>{text}</title>
      {parts.map(({ value, number }, index) => {
        const x = start;
        const width = max > 0 ? (value / max) * WIDTH : 0;
        start += width;
        const isLast = index === parts.length - 1;
        return (
          <rect
            key={index}
            className="jp-GpuContainers-part"
            data-part={number === null ? 'other' : number % 4}
            x={x}
            width={Math.max(0, Math.min(width, WIDTH - x) - (isLast ? 0 : GAP))}
            height={1}
          />
        );
      })}
    </svg>
  );
}
