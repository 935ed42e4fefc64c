// Icons of the extension; JupyterLab recolours them with the theme.
import { LabIcon } from '@jupyterlab/ui-components';
import chipSvg from '../style/icons/chip.svg';

/** A chip: GPUs, and environments that have them. */
export const chipIcon = new LabIcon({
  name: 'jupyter-gpu-containers:chip',
  svgstr: chipSvg
});
