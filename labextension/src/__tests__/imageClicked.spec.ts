// What is asked and shown of one image that was clicked in a list: its download, its details.
import { Clipboard, Dialog, Notification } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { IImageDetails } from '../client/wireImages';
import { CommandIDs } from '../commands/commandIds';
import { addImageCommands } from '../commands/imageCommands';
import { addTransferCommands } from '../commands/transferCommands';
import { BUSY, FakeServer, json, makeJob, makeJobs, makeModel } from './fakes';
import { acceptDialog, dismissDialog, waitForDialog } from './dialogs';
import { IMAGE, settled, trans } from './screen';

const PYTORCH = IMAGE.references[0];
const ADDRESS = 'images/nvcr.io/nvidia/pytorch%3A25.08-py3';
const DETAILS: IImageDetails = {
  ...IMAGE,
  reference: PYTORCH,
  references: [],
  digests: [],
  digest: `sha256:${'b'.repeat(64)}`,
  kernels: null,
  on_engine: false,
  size: null,
  download: 8e9,
  fetch_seconds: 240,
  platforms: ['linux/amd64'],
  verdict: {
    verdict: 'compatible',
    gpus: [],
    reasons: [
      {
        code: 'disk_sufficient',
        message: '8 GB are to be fetched; 90 GiB are free.',
        evidence: '',
        severity: 'ok'
      }
    ]
  }
};

let server: FakeServer;
let commands: CommandRegistry;

/** Wait for a dialog and what is in it. */
async function opened(): Promise<void> {
  await waitForDialog();
  await settled();
}

/** What was asked to be changed. */
const changes = () =>
  server.requests.filter(({ what }) => !what.startsWith('GET'));

const dialog = () => document.querySelector<HTMLElement>('.jp-Dialog')!;

beforeEach(async () => {
  server = new FakeServer();
  server.answers.set('GET images', { images: [] });
  const { model } = await makeModel(server);
  const { jobs, registries } = await makeJobs(server);
  commands = new CommandRegistry();
  const options = { commands, model, jobs, registries, trans };
  addImageCommands(options);
  addTransferCommands(options);
});

afterEach(async () => {
  Notification.dismiss();
  Dialog.flush(); // of a test that has failed
  await settled();
});

describe('a pull from a row', () => {
  const args = {
    reference: PYTORCH,
    title: trans.__('The one clicked'),
    ask: true
  };
  const much = { ...DETAILS, download: 8e9, fetch_seconds: 240 };

  it('asks before much is downloaded, and once only for a digest', async () => {
    server.answers.set(`GET ${ADDRESS}`, much);
    const no = commands.execute(CommandIDs.pull, args);
    await opened();
    expect(dialog().textContent).toContain('Pull The one clicked?');
    expect(dialog().textContent).toContain(
      '8 GB are downloaded, which takes about 4 min.'
    );
    expect(dialog().textContent).toContain('90 GiB are free.');
    await dismissDialog();
    expect(await no).toBe(false);
    expect(changes()).toEqual([]);

    const job = makeJob({ state: 'succeeded' });
    server.answers.set('POST jobs', json(job, 202));
    const yes = commands.execute(CommandIDs.pull, args);
    await opened();
    await acceptDialog();
    expect(await yes).toBe(true);
    expect(await commands.execute(CommandIDs.pull, args)).toBe(true);
    expect(document.querySelector('.jp-Dialog')).toBeNull();
    expect(changes()).toHaveLength(2);
  });

  it('asks where the registry does not say how much it is', async () => {
    const problem = { ...BUSY, code: 'registry_unreachable' };
    server.answers.set(`GET ${ADDRESS}`, json(problem, 502));
    const done = commands.execute(CommandIDs.pull, args);
    await opened();
    expect(dialog().textContent).toContain('is not known');
    await dismissDialog();
    expect(await done).toBe(false);
  });

  it('does not ask about little', async () => {
    server.answers.set(`GET ${ADDRESS}`, { ...much, download: 499e6 });
    const job = makeJob({ state: 'succeeded' });
    server.answers.set('POST jobs', json(job, 202));
    expect(await commands.execute(CommandIDs.pull, args)).toBe(true);
    expect(changes()).toHaveLength(1);
  });
});

describe('details', () => {
  it('are titled as what was clicked, with the whole name', async () => {
    server.answers.set(`GET images/${'quay.io/jupyter/torch%3A1'}`, {
      ...DETAILS,
      reference: 'quay.io/jupyter/torch:1'
    });
    const shown = commands.execute(CommandIDs.showImage, {
      image: 'quay.io/jupyter/torch:1',
      title: trans.__('Jupyter with PyTorch')
    });
    await opened();
    const header = dialog().querySelector('.jp-Dialog-header')!;
    expect(header.textContent).toContain('Jupyter with PyTorch');
    const name = dialog().querySelector('code')!;
    expect(name.textContent).toBe('quay.io/jupyter/torch:1');
    const copied = jest
      .spyOn(Clipboard, 'copyToSystem')
      .mockImplementation(() => undefined);
    dialog().querySelector<HTMLElement>('[title^="Copy name"]')!.click();
    await settled();
    expect(copied).toHaveBeenCalledWith('quay.io/jupyter/torch:1');
    expect(dialog().querySelector('[role=status]')!.textContent).toBe('Copied');
    copied.mockRestore();
    await dismissDialog();
    await shown;
  });
});
