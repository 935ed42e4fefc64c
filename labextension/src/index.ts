// The extension's plugins.
import { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { attach } from './plugins/attach';
import { idle } from './plugins/idle';
import { images, jobs, registries } from './plugins/images';
import { kernels } from './plugins/kernels';
import { model, switcher } from './plugins/model';
import {
  cellExecutor,
  kernelQuestions,
  sessionDialogs
} from './plugins/notebooks';
import { preferences } from './plugins/preferences';
import { queue } from './plugins/queue';
import { settingsLanguage } from './plugins/settingsLanguage';
import { shells } from './plugins/shells';
import { remembered } from './plugins/remembered';
import { commands, panel, toolbar } from './plugins/ui';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  preferences,
  model,
  switcher,
  cellExecutor,
  kernelQuestions,
  sessionDialogs,
  remembered,
  attach,
  commands,
  queue,
  idle,
  jobs,
  registries,
  images,
  shells,
  kernels,
  panel,
  toolbar,
  settingsLanguage
];

export default plugins;
