// The state of a kernel as a small picture: each has a shape of its own, whatever its colour.
import { LabIcon } from '@jupyterlab/ui-components';
import { KernelState } from '../model/kernelState';

/** Drawn in a square of 16. */
const SHAPES: Readonly<Record<KernelState, string>> = {
  // a ring
  idle: '<circle cx="8" cy="8" r="4" fill="none" stroke-width="2"/>',
  // a disc
  busy: '<circle cx="8" cy="8" r="5"/>',
  // a part of a ring, which turns
  starting:
    '<path d="M8 4a4 4 0 1 1-4 4" fill="none" stroke-width="2" stroke-linecap="round"/>',
  // a cross
  dead: '<path d="M4.5 4.5l7 7m0-7l-7 7" fill="none" stroke-width="2" stroke-linecap="round"/>',
  // a ring that is cut through
  disconnected:
    '<path d="M4.2 9.5A4 4 0 0 0 9.5 11.7M11.8 6.5A4 4 0 0 0 6.5 4.3M4 12l8-8" fill="none" stroke-width="1.5" stroke-linecap="round"/>',
  // dashes of a ring
  none: '<circle cx="8" cy="8" r="4" fill="none" stroke-width="2" stroke-dasharray="2 2.2"/>'
};

/** The icon of each state. */
export const stateIcons = Object.fromEntries(
  Object.entries(SHAPES).map(([state, shape]) => [
    state,
    new LabIcon({
      name: `jupyter-gpu-containers:kernel-${state}`,
      svgstr: `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16"><g class="jp-GpuContainers-dot" data-state="${state}">${shape}</g></svg>`
    })
  ])
) as Record<KernelState, LabIcon>;
