// Word of pulls, pushes, builds and commits that have ended, wherever in JupyterLab one is.
import { Notification } from '@jupyterlab/apputils';
import { TranslationBundle } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { CommandIDs } from '../commands/commandIds';
import { jobRemedy } from '../model/jobRemedies';
import { jobTitle, wantsLogin } from '../model/jobs';
import { IGpuContainersModel, IJobsModel } from '../tokens';
import { IJob } from '../client/wireImages';
import { details, inFull } from './inFull';

/** What is needed to tell of jobs. */
export interface INotifyOptions {
  commands: CommandRegistry;
  jobs: IJobsModel;
  model: Pick<IGpuContainersModel, 'launchChanged'>;
  trans: TranslationBundle;
}

/** Tell of every job that ends while the page is open. */
export function notifyOfJobs(options: INotifyOptions): void {
  const { jobs, model } = options;
  // the start that waits for a pull has a notification of its own
  const ofLaunches = new Set<string>();
  model.launchChanged.connect((_, { pull }) => {
    if (pull) {
      ofLaunches.add(pull.job);
    }
  }, jobs);
  jobs.ended.connect((_, job) => {
    if (!ofLaunches.has(job.id) || jobs.isOwn(job.id)) {
      notify(options, job);
    }
  }, jobs);
}

function notify({ commands, jobs, trans }: INotifyOptions, job: IJob): void {
  const { error, image_id, kind, reference, state } = job;
  if (state === 'cancelled') {
    const message = {
      pull: trans.__('The pull of %1 was cancelled.', reference),
      push: trans.__('The push of %1 was cancelled.', reference),
      build: trans.__('The build of %1 was cancelled.', reference),
      commit: trans.__('The saving of %1 was cancelled.', reference)
    }[kind];
    const actions = inFull(trans, message);
    Notification.info(message, { autoClose: 5000, actions });
  } else if (state === 'succeeded') {
    const message = {
      pull: trans.__('%1 was pulled.', reference),
      push: trans.__('%1 was pushed.', reference),
      build: trans.__('%1 was built.', reference),
      commit: trans.__('%1 was saved.', reference)
    }[kind];
    const image = image_id ?? reference;
    const start = {
      label: trans.__('Start'),
      caption: trans.__('Start it for the current notebook'),
      callback: () => {
        void commands.execute(CommandIDs.selectEnvironment, { image });
      }
    };
    const actions = [
      ...(kind === 'push' ? [] : [start]),
      ...inFull(trans, message)
    ];
    Notification.success(message, { autoClose: 10000, actions });
  } else if (error && !(wantsLogin(error.code) && jobs.isOwn(job.id))) {
    // who asked for it here is asked for a login in a dialog
    const [why] = error.message.split('\n'); // a step's last lines are among the details
    const message = {
      pull: trans.__('%1 was not pulled: %2', reference, why),
      push: trans.__('%1 was not pushed: %2', reference, why),
      build: trans.__('%1 was not built: %2', reference, why),
      commit: trans.__('%1 was not saved: %2', reference, why)
    }[kind];
    const remedy = jobRemedy(trans, job);
    const actions: Notification.IAction[] = remedy
      ? [
          {
            label: remedy.label,
            displayType: 'accent',
            callback: () => void commands.execute(remedy.command, remedy.args)
          }
        ]
      : [];
    actions.push(details(trans, jobTitle(trans, job), error));
    Notification.error(message, { autoClose: false, actions });
  }
}
