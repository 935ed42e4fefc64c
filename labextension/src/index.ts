// The extension's plugins.
import { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { attach } from './plugins/attach';
import { deaths } from './plugins/deaths';
import { idle } from './plugins/idle';
import { images, jobs, registries } from './plugins/images';
import { kernels } from './plugins/kernels';
import { launches } from './plugins/launches';
import { model, patience, switcher } from './plugins/model';
import {
  cellExecutor,
  kernelQuestions,
  sessionDialogs
} from './plugins/notebooks';
import { notebooks } from './plugins/notebookCommands';
import { preferences } from './plugins/preferences';
import { settingsLanguage } from './plugins/settingsLanguage';
import { shells } from './plugins/shells';
import { remembered } from './plugins/remembered';
import { commands, panel, toolbar } from './plugins/ui';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  preferences,
  model,
  patience,
  switcher,
  cellExecutor,
  kernelQuestions,
  sessionDialogs,
  remembered,
  notebooks,
  attach,
  commands,
  launches,
  deaths,
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
