// Saving a kernel as an image: what has changed is shown, its name is asked for, a job is begun.
import { Dialog } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { CommandIDs } from '../commands/commandIds';
import { addSaveCommand } from '../commands/saveCommand';
import { IChanges } from '../client/wireImages';
import { FakeServer, json, makeJob, makeJobs, makeModel } from './fakes';
import { settled, trans, type } from './screen';
import { acceptDialog, dismissDialog, waitForDialog } from './dialogs';

const ID = '4f0c1a1e-1111-4222-8333-000000000001';
const TAG = 'team/image:1';
const CHANGES: IChanges = {
  image: 'torch:2',
  image_id: 'sha256:1',
  size: 2 ** 20,
  added: 3,
  changed: 1,
  removed: 0,
  folders: [{ folder: '/opt/tool', files: 3, size: 2 ** 20 }],
  packages: [
    {
      manager: 'pip',
      name: 'numpy',
      kind: 'changed',
      before: '1.26',
      after: '2.1'
    }
  ],
  credentials: [],
  left_out: [
    {
      path: '/home/kernel',
      reason: 'the home',
      size: 4096,
      packages: ['six 1.16']
    }
  ],
  dockerfile: 'FROM torch:2\n',
  files: { 'requirements.lock': 'numpy==2.1\n' }
};

let server: FakeServer;
let commands: CommandRegistry;

const dialog = () => document.querySelector<HTMLElement>('.jp-Dialog')!;
const begun = () =>
  server.requests.filter(({ what }) => what === 'POST jobs').map(r => r.body);

beforeEach(async () => {
  server = new FakeServer();
  server.answers.set(`GET launches/${ID}/changes`, CHANGES);
  server.answers.set('POST jobs', () =>
    json(makeJob({ kind: 'commit', reference: TAG, state: 'queued' }), 202)
  );
  const { model } = await makeModel(server);
  const { jobs, registries } = await makeJobs(server);
  await model.refresh();
  commands = new CommandRegistry();
  addSaveCommand({ commands, model, jobs, registries, trans });
  commands.addCommand(CommandIDs.openPanel, {
    describedBy: { args: { type: 'object' } },
    execute: () => undefined
  });
});

afterEach(async () => {
  Dialog.flush(); // of a test that has failed
  await settled();
});

describe('save as image', () => {
  it('shows what has changed, then saves under the name that is typed', async () => {
    const done = commands.execute(CommandIDs.saveImage, { id: ID });
    await waitForDialog();
    await settled();
    const shown = dialog().textContent;
    expect(shown).toContain('numpy');
    expect(shown).toContain('1.26 → 2.1, by pip');
    expect(shown).toContain('six 1.16');
    expect(shown).toContain('numpy==2.1');
    expect(dialog().querySelector('[role=alert]')).toBeNull();
    const save = dialog().querySelector<HTMLButtonElement>('.jp-mod-accept')!;
    save.click();
    expect(save.disabled).toBe(true); // without a name
    type(dialog().querySelector('input')!, ` ${TAG} `);
    expect(save.disabled).toBe(false);
    await acceptDialog();
    await expect(done).resolves.toBe(true);
    expect(begun()).toEqual([{ kind: 'commit', reference: TAG, launch: ID }]);
  });

  it('warns of files that may hold secrets', async () => {
    const credentials = [{ path: '/root/.netrc', reason: 'logins' }];
    server.answers.set(`GET launches/${ID}/changes`, {
      ...CHANGES,
      credentials
    });
    const done = commands.execute(CommandIDs.saveImage, { id: ID });
    await waitForDialog();
    await settled();
    const warning = dialog().querySelector('[role=alert]')!.textContent;
    expect(warning).toContain('/root/.netrc');
    await dismissDialog();
    await expect(done).resolves.toBe(false);
    expect(begun()).toEqual([]);
  });

  it('asks nothing where the name is given', async () => {
    const args = { id: ID, reference: TAG };
    await expect(commands.execute(CommandIDs.saveImage, args)).resolves.toBe(
      true
    );
    expect(begun()).toEqual([{ kind: 'commit', reference: TAG, launch: ID }]);
  });

  it('says why a kernel cannot be saved', async () => {
    const message = 'The kernel does not run.';
    server.answers.set(`GET launches/${ID}/changes`, () =>
      json({ code: 'kernel_not_running', message, hint: '' }, 409)
    );
    const done = commands.execute(CommandIDs.saveImage, { id: ID });
    await waitForDialog();
    await settled();
    expect(dialog().textContent).toContain(message);
    await dismissDialog();
    await expect(done).resolves.toBe(false);
  });
});
