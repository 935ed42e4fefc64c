// The extension's plugins.
import { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { attach } from './plugins/attach';
import { images, jobs, registries } from './plugins/images';
import { model, switcher } from './plugins/model';
import { cellExecutor, sessionDialogs } from './plugins/notebooks';
import { commands, panel, toolbar } from './plugins/ui';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  model,
  switcher,
  cellExecutor,
  sessionDialogs,
  attach,
  commands,
  jobs,
  registries,
  images,
  panel,
  toolbar
];

export default plugins;
