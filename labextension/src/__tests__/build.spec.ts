// Builds: what is asked for, what is sent, what is shown of them.
import { Dialog, Notification } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { addBuildCommand } from '../commands/buildCommand';
import { CommandIDs } from '../commands/commandIds';
import { JobsModel } from '../model/jobsModel';
import { progressText } from '../model/jobs';
import { notifyOfJobs } from '../notices/notifications';
import { SectionsModel } from '../model/sections';
import { GpuContainersPanel } from '../panel/panel';
import { IJob } from '../client/wireImages';
import {
  FakeEvents,
  FakeServer,
  json,
  makeJob,
  makeJobs,
  makeModel
} from './fakes';
import { IMAGE, rendered, settled, show, trans, type } from './screen';
import { acceptDialog, dismissDialog, waitForDialog } from './dialogs';

const TAG = 'team/image:1';

let server: FakeServer;
let events: FakeEvents;
let jobs: JobsModel;
let commands: CommandRegistry;
let panel: () => GpuContainersPanel;

const dialog = () => document.querySelector<HTMLElement>('.jp-Dialog')!;

/** What was asked to be built. */
const built = () =>
  server.requests.filter(({ what }) => what === 'POST jobs').map(r => r.body);

/** Choose among options, or type a longer text, as React notices it. */
function change(field: HTMLElement, value: string): void {
  const kind = Object.getPrototypeOf(field) as object;
  Object.getOwnPropertyDescriptor(kind, 'value')!.set!.call(field, value);
  const what = field instanceof HTMLSelectElement ? 'change' : 'input';
  field.dispatchEvent(new Event(what, { bubbles: true }));
}

/** Open the dialog and choose what is built. */
async function open(source: string, args = {}): Promise<Promise<unknown>[]> {
  const done = commands.execute(CommandIDs.build, args);
  await waitForDialog();
  await settled();
  change(dialog().querySelector('select')!, source);
  await settled();
  // in a list: a promise would be waited for
  return [done];
}

const job = (more: Partial<IJob> = {}) =>
  makeJob({ kind: 'build', reference: TAG, ...more });

beforeEach(async () => {
  server = new FakeServer();
  server.answers.set('GET images', { images: [IMAGE] });
  server.answers.set('POST jobs', () => json(job({ state: 'queued' }), 202));
  const { model } = await makeModel(server);
  const made = await makeJobs(server);
  ({ events, jobs } = made);
  await model.refresh();
  commands = new CommandRegistry();
  const { registries } = made;
  const options = { commands, model, jobs, registries, trans };
  addBuildCommand(options);
  commands.addCommand(CommandIDs.openPanel, {
    describedBy: { args: { type: 'object' } },
    execute: () => undefined
  });
  notifyOfJobs(options);
  const sessions = {
    running: () => [].values(),
    runningChanged: { connect: () => true, disconnect: () => true }
  };
  panel = () =>
    new GpuContainersPanel({
      ...options,
      sections: new SectionsModel(),
      sessions
    } as never);
});

afterEach(async () => {
  Notification.dismiss();
  Dialog.flush(); // of a test that has failed
  await settled();
});

describe('gpu-containers:build', () => {
  it('builds what its arguments say', async () => {
    const args = { reference: TAG, folder: '', file: 'gpu.Dockerfile' };
    expect(await commands.execute(CommandIDs.build, args)).toBe(true);
    const build = { folder: '', file: 'gpu.Dockerfile' };
    expect(built()).toEqual([{ kind: 'build', reference: TAG, build }]);
  });

  it.each([
    ['dockerfile', 'FROM x\n', { dockerfile: 'FROM x\n' }],
    [
      'requirements',
      'numpy\n',
      { requirements: 'numpy\n', base: IMAGE.references[0] }
    ],
    [
      'environment',
      'dependencies: []\n',
      { environment: 'dependencies: []\n', base: IMAGE.references[0] }
    ]
  ])('asks for a %s', async (source, text, build) => {
    const [done] = await open(source);
    type(dialog().querySelector('input')!, ` ${TAG} `);
    change(dialog().querySelector('textarea')!, text);
    await settled();
    await acceptDialog();
    expect(await done).toBe(true);
    expect(built()).toEqual([{ kind: 'build', reference: TAG, build }]);
  });

  it('asks for a folder, beginning with what is known', async () => {
    const [done] = await open('folder', { reference: TAG, base: 'x' });
    const [name, folder, file] = dialog().querySelectorAll('input');
    expect(name.value).toBe(TAG);
    type(folder, 'work/site');
    await settled();
    type(file, 'Other');
    await settled();
    await acceptDialog();
    await done;
    const build = { folder: 'work/site', file: 'Other' };
    expect(built()).toEqual([{ kind: 'build', reference: TAG, build }]);
  });

  it('keeps a text while another source is looked at', async () => {
    const [done] = await open('dockerfile', { reference: TAG });
    change(dialog().querySelector('textarea')!, 'FROM x');
    await settled();
    change(dialog().querySelector('select')!, 'folder');
    await settled();
    change(dialog().querySelector('select')!, 'dockerfile');
    await settled();
    expect(dialog().querySelector('textarea')!.value).toBe('FROM x');
    await dismissDialog();
    expect(await done).toBe(false);
    expect(built()).toEqual([]);
  });

  it('says why a build cannot begin', async () => {
    const problem = { code: 'invalid_request', message: 'No.', hint: '' };
    server.answers.set('POST jobs', json(problem, 422));
    const done = commands.execute(CommandIDs.build, {
      reference: TAG,
      dockerfile: 'FROM x'
    });
    await waitForDialog();
    expect(dialog().textContent).toContain(`${TAG} cannot be built`);
    expect(dialog().textContent).toContain('No.');
    await acceptDialog();
    expect(await done).toBe(false);
  });
});

describe('A build in the panel', () => {
  const steps = [
    { id: '', status: 'load', current: 0, total: null, done: false },
    { id: '1/2', status: 'FROM x', current: 0, total: null, done: true },
    { id: '2/2', status: 'RUN make', current: 0, total: null, done: false }
  ];

  it('shows its step and its log', async () => {
    const shown = await show(panel());
    events.emitJob(job({ steps, log: ['[1/2] FROM x', '[2/2] RUN make'] }));
    await rendered(shown);
    const row = shown.node.querySelector('.jp-GpuContainers-job')!;
    expect(row.getAttribute('aria-label')).toBe(`Build of ${TAG}`);
    expect(row.querySelector('.jp-GpuContainers-subtitle')!.textContent).toBe(
      '[2/2] RUN make'
    );
    expect(row.querySelector('[role=log]')!.textContent).toBe(
      '[1/2] FROM x\n[2/2] RUN make'
    );
  });

  it('says what failed, the short of it in the corner', async () => {
    const shown = await show(panel());
    events.emitJob(job());
    const message = 'Step [2/2] RUN make failed.\nno rule';
    const error = { code: 'build_failed', message, hint: '' };
    events.emitJob(job({ state: 'failed', error, log: ['no rule'] }));
    await rendered(shown);
    const row = shown.node.querySelector('.jp-GpuContainers-job')!;
    expect(row.querySelector('[role=alert]')!.textContent).toContain('no rule');
    expect(row.textContent).not.toContain('Try again');
    expect(Notification.manager.notifications.map(n => n.message)).toEqual([
      `${TAG} was not built: Step [2/2] RUN make failed.`
    ]);
  });

  it('has something to say before its first step', () => {
    expect(progressText(trans, job())).toBe('Preparing');
  });
});
