// The commands of images, transfers and registries: what they ask, and what they have done.
import { Dialog, Notification } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { CommandIDs } from '../commands/commandIds';
import { addImageCommands } from '../commands/imageCommands';
import { JobsModel } from '../model/jobsModel';
import { notifyOfJobs } from '../notices/notifications';
import { addTransferCommands } from '../commands/transferCommands';
import {
  BUSY,
  FakeEvents,
  FakeServer,
  TOO_OLD,
  UNAUTHORIZED,
  json,
  makeJob,
  makeJobs,
  makeLaunch,
  makeModel
} from './fakes';
import { IMAGE, button, settled, trans, type } from './screen';
import {
  acceptDialog,
  dangerDialog,
  dismissDialog,
  waitForDialog
} from './dialogs';

const PYTORCH = IMAGE.references[0];
const ADDRESS = 'images/nvcr.io/nvidia/pytorch%3A25.08-py3';
const OURS = 'registry.example.org/lab/pytorch:1';
const USED = {
  code: 'image_in_use',
  message: 'Used by the environment pytorch-1gpu.',
  hint: 'Remove it first.'
};

let server: FakeServer;
let events: FakeEvents;
let launchEvents: FakeEvents;
let jobs: JobsModel;
let commands: CommandRegistry;

/** Wait for a dialog and what is in it. */
async function opened(): Promise<void> {
  await waitForDialog();
  await settled();
}

/** What was asked to be changed. */
const changes = () =>
  server.requests
    .filter(({ what }) => !what.startsWith('GET'))
    .map(({ what, body }) => [what, body]);

const dialog = () => document.querySelector<HTMLElement>('.jp-Dialog')!;

beforeEach(async () => {
  server = new FakeServer();
  server.answers.set('GET images', { images: [IMAGE] });
  const { events: ofLaunches, model } = await makeModel(server);
  launchEvents = ofLaunches;
  const made = await makeJobs(server);
  ({ events, jobs } = made);
  server.answers.set('GET jobs', () => ({ jobs: [...jobs.jobs] }));
  await model.refresh();
  commands = new CommandRegistry();
  const { registries } = made;
  const options = { commands, model, jobs, registries, trans };
  addImageCommands(options);
  addTransferCommands(options);
  notifyOfJobs(options);
});

afterEach(async () => {
  Notification.dismiss();
  Dialog.flush(); // of a test that has failed
  await settled();
});

/** What JupyterLab tells in its corner. */
const told = () => Notification.manager.notifications.map(n => n.message);

describe('pull', () => {
  it('ends with the job, and tells so', async () => {
    server.answers.set('POST jobs', json(makeJob(), 202));
    const done = commands.execute(CommandIDs.pull, { reference: PYTORCH });
    await settled();
    events.emitJob(makeJob({ state: 'succeeded', image_id: IMAGE.id }));
    expect(await done).toBe(true);
    expect(changes()).toEqual([
      ['POST jobs', { kind: 'pull', reference: PYTORCH }]
    ]);
    expect(told()).toEqual([`${PYTORCH} was pulled.`]);
  });

  it('leaves the pull of a start to the start’s own notification', async () => {
    events.emitJob(makeJob());
    const pull = { job: 'j1', current: 1, total: 2, speed: null, eta: null };
    launchEvents.emit(makeLaunch('pulling', { pull }));
    events.emitJob(makeJob({ state: 'succeeded', image_id: IMAGE.id }));
    await settled();
    expect(told()).toEqual([]);
  });

  it('tells of a refusal once, even where it comes before the answer', async () => {
    const refused = makeJob({ state: 'failed', error: UNAUTHORIZED });
    server.answers.set('POST jobs', () => {
      events.emitJob(refused);
      return json(makeJob({ state: 'queued' }), 202);
    });
    const done = commands.execute(CommandIDs.pull, { reference: PYTORCH });
    await opened();
    expect(dialog().textContent).toContain('Log in to nvcr.io');
    expect(told()).toEqual([]);
    await dismissDialog();
    await done;
    expect(jobs.jobs.map(({ state }) => state)).toEqual(['failed']);
  });

  it('asks for a login where the registry wants one, and pulls again', async () => {
    server.answers.set('POST jobs', json(makeJob(), 202));
    server.answers.set('POST registries/nvcr.io/login', {
      host: 'nvcr.io',
      username: '$oauthtoken',
      kept_in: 'config.json'
    });
    const done = commands.execute(CommandIDs.pull, { reference: PYTORCH });
    await settled();
    events.emitJob(makeJob({ state: 'failed', error: UNAUTHORIZED }));
    await opened();
    expect(told()).toEqual([]);
    expect(dialog().textContent).toContain('Log in to nvcr.io');
    expect(dialog().textContent).toContain(UNAUTHORIZED.message);
    expect(dialog().textContent).not.toContain('User name');
    type(dialog().querySelector('[type=password]')!, 'key');
    server.answers.set('POST jobs', json(makeJob({ id: 'j2' }), 202));
    await acceptDialog();
    await settled();
    events.emitJob(makeJob({ id: 'j2', state: 'succeeded' }));
    expect(await done).toBe(true);
    expect(changes()).toEqual([
      ['POST jobs', { kind: 'pull', reference: PYTORCH }],
      ['POST registries/nvcr.io/login', { secret: 'key' }],
      ['POST jobs', { kind: 'pull', reference: PYTORCH }]
    ]);
  });

  it('says what is wrong with the request', async () => {
    server.answers.set('POST jobs', json(BUSY, 422));
    const done = commands.execute(CommandIDs.pull, { reference: 'A B' });
    await opened();
    expect(dialog().textContent).toContain(BUSY.message);
    await dismissDialog();
    expect(await done).toBe(false);
  });

  it('of somebody else tells of its failure, and offers a login', () => {
    events.emitJob(makeJob());
    events.emitJob(makeJob({ state: 'failed', error: UNAUTHORIZED }));
    const [{ message, options }] = Notification.manager.notifications;
    expect(message).toContain(UNAUTHORIZED.message);
    expect(options.actions?.map(({ label }) => label)).toEqual([
      'Log in to nvcr.io',
      'Details'
    ]);
  });

  it('has the whole of a long failure one click away', async () => {
    const message = `It is denied, ${'for a reason '.repeat(20)}that matters.`;
    events.emitJob(makeJob());
    events.emitJob(
      makeJob({ state: 'failed', error: { ...BUSY, message, hint: 'Ask.' } })
    );
    const [{ options }] = Notification.manager.notifications;
    const details = options.actions!.find(({ label }) => label === 'Details')!;
    const click = new MouseEvent('click', { cancelable: true });
    details.callback(click);
    expect(click.defaultPrevented).toBe(true); // it stays
    await opened();
    expect(dialog().textContent).toContain(message);
    expect(dialog().textContent).toContain('Ask.');
    await dismissDialog();
  });

  it('has the whole of a long name one click away', async () => {
    const reference = `registry.example.org/${'deep/'.repeat(30)}image:1`;
    events.emitJob(makeJob({ reference }));
    events.emitJob(makeJob({ reference, state: 'succeeded' }));
    const [{ options }] = Notification.manager.notifications;
    const details = options.actions!.find(({ label }) => label === 'Details')!;
    details.callback(new MouseEvent('click', { cancelable: true }));
    await opened();
    expect(dialog().textContent).toContain(`${reference} was pulled.`);
    expect(dialog().querySelector('[role=alert]')).toBeNull();
    await dismissDialog();
  });
});

describe('login', () => {
  it('asks again after a wrong secret, which it forgets', async () => {
    server.answers.set('POST registries/quay.io/login', json(BUSY, 403));
    const done = commands.execute(CommandIDs.login, {});
    await opened();
    const [host, username] = dialog().querySelectorAll('input');
    type(host, 'quay.io');
    type(username, 'ada');
    type(dialog().querySelector('[type=password]')!, 'wrong');
    await acceptDialog();
    await settled();
    await opened();
    expect(dialog().textContent).toContain(BUSY.message);
    expect(
      [...dialog().querySelectorAll('input')].map(({ value }) => value)
    ).toEqual(['quay.io', 'ada', '']);
    await dismissDialog();
    expect(await done).toBe(false);
    expect(changes()).toEqual([
      ['POST registries/quay.io/login', { username: 'ada', secret: 'wrong' }]
    ]);
  });

  it('ends with logout', async () => {
    server.answers.set(
      'DELETE registries/localhost%3A5000/login',
      new Response(null, { status: 204 })
    );
    const host = 'localhost:5000';
    expect(await commands.execute(CommandIDs.logout, { host })).toBe(true);
  });
});

describe('remove', () => {
  it('removes what was confirmed', async () => {
    server.answers.set(`DELETE ${ADDRESS}`, { removed: [PYTORCH] });
    const done = commands.execute(CommandIDs.removeImage, { image: IMAGE.id });
    await opened();
    expect(dialog().textContent).toContain('frees up to 13 GB');
    await dangerDialog();
    expect(await done).toBe(true);
    expect(changes()).toEqual([[`DELETE ${ADDRESS}`, null]]);
  });

  it('names the users of an image, and removes it by force only when told', async () => {
    server.answers.set(`DELETE ${ADDRESS}`, json(USED, 409));
    server.answers.set(`DELETE ${ADDRESS}?force=true`, { removed: [PYTORCH] });
    const args = { image: IMAGE.id, reference: PYTORCH };
    const done = commands.execute(CommandIDs.removeImage, args);
    await opened();
    expect(dialog().textContent).toContain(USED.message);
    button(dialog(), 'Remove Anyway').click();
    expect(await done).toBe(true);
    expect(changes().map(([what]) => what)).toEqual([
      `DELETE ${ADDRESS}`,
      `DELETE ${ADDRESS}?force=true`
    ]);
  });

  it('leaves an image whose users are to go on', async () => {
    server.answers.set(`DELETE ${ADDRESS}`, json(USED, 409));
    const args = { image: IMAGE.id, reference: PYTORCH };
    const done = commands.execute(CommandIDs.removeImage, args);
    await opened();
    button(dialog(), 'Close').click();
    await done;
    expect(changes().map(([what]) => what)).toEqual([`DELETE ${ADDRESS}`]);
  });

  it('leaves an image that was not confirmed', async () => {
    const done = commands.execute(CommandIDs.removeImage, { image: PYTORCH });
    await opened();
    await dismissDialog();
    await done;
    expect(changes()).toEqual([]);
  });
});

describe('tag and push', () => {
  beforeEach(() => {
    server.answers.set('POST images', json({}, 201));
    server.answers.set('POST jobs', json(makeJob({ kind: 'push' }), 202));
  });

  it('gives an image the name that is asked for', async () => {
    const done = commands.execute(CommandIDs.tag, { image: IMAGE.id });
    await opened();
    type(dialog().querySelector('input')!, OURS);
    await acceptDialog();
    expect(await done).toBe(true);
    expect(changes()).toEqual([
      ['POST images', { source: IMAGE.id, reference: OURS }]
    ]);
  });

  it('pushes under a new name, which the image gets first', async () => {
    const args = { image: IMAGE.id, reference: OURS };
    const done = commands.execute(CommandIDs.push, args);
    await settled();
    events.emitJob(makeJob({ kind: 'push', state: 'succeeded' }));
    expect(await done).toBe(true);
    expect(changes()).toEqual([
      ['POST images', { source: IMAGE.id, reference: OURS }],
      ['POST jobs', { kind: 'push', reference: OURS }]
    ]);
  });
});

it('details show the verdict with its evidence', async () => {
  server.answers.set('GET images/sha256%3A1', {
    ...IMAGE,
    reference: PYTORCH,
    on_engine: true,
    download: 0,
    platforms: [],
    verdict: TOO_OLD
  });
  const done = commands.execute(CommandIDs.showImage, { image: PYTORCH });
  await opened();
  const { textContent } = dialog();
  expect(textContent).toContain('Evidence: NVIDIA_REQUIRE_CUDA');
  expect(textContent).toContain('Python 3, R');
  await acceptDialog();
  await done;
});

it('cancel ends a job, and dismisses one that has failed', async () => {
  server.answers.set(
    'DELETE jobs/j1',
    makeJob({ state: 'failed', error: BUSY })
  );
  events.emitJob(makeJob());
  await commands.execute(CommandIDs.cancelJob, { id: 'j1' });
  expect(jobs.jobs.map(({ state }) => state)).toEqual(['failed']);
  await commands.execute(CommandIDs.cancelJob, { id: 'j1' });
  expect(jobs.jobs).toEqual([]);
  expect(changes()).toHaveLength(1);
});

describe('add image', () => {
  it('warns before it pulls what does not run here', async () => {
    const openPanel = jest.fn();
    commands.addCommand(CommandIDs.openPanel, {
      label: trans.__('Open'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: openPanel
    });
    server.answers.set('POST jobs', json(makeJob(), 202));
    server.answers.set(`GET ${ADDRESS}`, {
      ...IMAGE,
      reference: PYTORCH,
      on_engine: false,
      download: 1024,
      platforms: [],
      verdict: TOO_OLD
    });
    const args = { reference: PYTORCH };
    const done = commands.execute(CommandIDs.addImage, args);
    await opened();
    button(dialog(), 'Pull 1 kB').click();
    await settled();
    await opened();
    expect(dialog().textContent).toContain('will probably not work here');
    expect(changes()).toEqual([]);
    button(dialog(), 'Pull Anyway').click();
    await settled();
    events.emitJob(makeJob({ state: 'succeeded' }));
    await done;
    expect(openPanel).toHaveBeenCalledTimes(1);
    expect(changes()).toHaveLength(1);
  });
});
