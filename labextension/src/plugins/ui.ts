// Plugins that people see: commands, the panel, and the button in the notebook's toolbar.
/* eslint jupyter/prefer-lazy-imports: off -- all of it is needed as soon as JupyterLab starts */
import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { CommandIDs } from '../commands/commandIds';
import { addCommands } from '../commands/commands';
import { LastChoice } from '../model/lastChoice';
import {
  DOMAIN,
  IGpuContainersModel,
  IJobsModel,
  IKernelSwitcher,
  IPreferences,
  IRegistriesModel
} from '../tokens';
import { SectionsModel } from '../model/sections';
import { EnvironmentButton } from '../widgets/environmentButton';
import { GpuContainersPanel } from '../panel/panel';

/** Adds the commands. */
export const commands: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:commands',
  description: 'Adds the commands for GPUs, images and kernels in containers.',
  autoStart: true,
  requires: [IGpuContainersModel, IKernelSwitcher],
  optional: [
    ITranslator,
    INotebookTracker,
    ICommandPalette,
    IRegistriesModel,
    IJobsModel,
    IPreferences,
    ISettingRegistry
  ],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    switcher: IKernelSwitcher,
    translator: ITranslator | null,
    tracker: INotebookTracker | null,
    palette: ICommandPalette | null,
    registries: IRegistriesModel | null,
    jobs: IJobsModel | null,
    preferences: IPreferences | null,
    settings: ISettingRegistry | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { contents } = app.serviceManager;
    addCommands({
      commands: app.commands,
      model,
      switcher,
      registries,
      jobs,
      preferences,
      last: new LastChoice(settings),
      trans,
      findNotebook: path =>
        (path === undefined
          ? tracker?.currentWidget
          : tracker?.find(
              ({ context }) =>
                contents.localPath(context.path) === contents.localPath(path)
            )) ?? null,
      openPanel: () => app.shell.activateById(GpuContainersPanel.ID)
    });
    const category = trans.__('GPU Containers');
    const args = { isPalette: true };
    for (const command of [
      CommandIDs.openPanel,
      CommandIDs.refresh,
      CommandIDs.selectEnvironment,
      CommandIDs.showLaunch
    ]) {
      palette?.addItem({ command, category, args });
    }
  }
};

/** Adds the panel at the left, unless the server half is missing. */
export const panel: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:panel',
  description: 'Shows GPUs, images and kernels in containers at the left.',
  autoStart: true,
  requires: [IGpuContainersModel, IJobsModel, IRegistriesModel],
  optional: [ITranslator, ILayoutRestorer, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    jobs: IJobsModel,
    registries: IRegistriesModel,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    state: IStateDB | null
  ): void => {
    const speaker = translator ?? nullTranslator;
    const trans = speaker.load(DOMAIN);
    const sections = new SectionsModel(state);
    const widget = new GpuContainersPanel({
      model,
      jobs,
      registries,
      sections,
      sessions: app.serviceManager.sessions,
      commands: app.commands,
      language: speaker.languageCode,
      trans
    });
    void sections.restore();
    widget.disposed.connect(() => sections.dispose());
    restorer?.add(widget, widget.id);
    app.shell.add(widget, 'left', { rank: 350 });
    void model.ready.then(() => {
      if (!model.available) {
        widget.dispose();
      }
    });
  }
};

/** Adds the button to the toolbar of notebooks. */
export const toolbar: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-gpu-containers:toolbar',
  description: 'Names the environment of a notebook in its toolbar.',
  autoStart: true,
  requires: [IGpuContainersModel, IKernelSwitcher, IToolbarWidgetRegistry],
  optional: [ITranslator, IPreferences],
  activate: (
    app: JupyterFrontEnd,
    model: IGpuContainersModel,
    switcher: IKernelSwitcher,
    toolbars: IToolbarWidgetRegistry,
    translator: ITranslator | null,
    preferences: IPreferences | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    toolbars.addFactory<NotebookPanel>(
      'Notebook',
      'gpu-environment',
      ({ sessionContext }) => {
        const button = new EnvironmentButton({
          commands: app.commands,
          context: sessionContext,
          model,
          switcher,
          trans
        });
        const follow = () =>
          button.toggleClass(
            'jp-mod-unwanted',
            preferences?.values.toolbarButton === false
          );
        preferences?.changed.connect(follow, button);
        follow();
        return button;
      }
    );
  }
};
