// The dialog that finds images: catalogue, search, names, logins.
import { IImageDetails } from '../client/wireImages';
import { AddImage } from '../forms/addImage';
import {
  BUSY,
  FakeServer,
  TOO_OLD,
  UNAUTHORIZED,
  json,
  makeJobs,
  makeModel
} from './fakes';
import { GIB, IMAGE, button, settled, show, trans, type } from './screen';

const PYTORCH = 'nvcr.io/nvidia/pytorch:25.08-py3';
const ASKED = 'images/nvcr.io/nvidia/pytorch%3A25.08-py3';
const TAGS = 'GET registries/nvcr.io/tags?repository=nvidia%2Fpytorch';

const ENTRY = {
  name: 'pytorch',
  title: trans.__('PyTorch by NVIDIA'),
  description: 'Every month.',
  reference: PYTORCH,
  link: 'javascript:alert(1)',
  licence: 'BSD',
  framework: 'PyTorch',
  vendor: 'NVIDIA',
  verdict: TOO_OLD,
  on_engine: false,
  download: 8 * GIB,
  tags: [PYTORCH, 'nvcr.io/nvidia/pytorch:24.01-py3']
};

const DETAILS: IImageDetails = {
  ...IMAGE,
  reference: PYTORCH,
  references: [],
  digests: [],
  digest: `sha256:${'b'.repeat(64)}`,
  kernels: null,
  on_engine: false,
  size: null,
  download: 8.4e9,
  fetch_seconds: null,
  platforms: ['linux/amd64', 'linux/arm64'],
  verdict: TOO_OLD
};

describe('AddImage', () => {
  let server: FakeServer;
  let onPull: jest.Mock<void, [string, IImageDetails | null]>;

  beforeEach(() => {
    onPull = jest.fn<void, [string, IImageDetails | null]>();
    server = new FakeServer();
    server.answers.set('GET catalogue', {
      entries: [
        ENTRY,
        {
          ...ENTRY,
          name: 'scipy',
          title: trans.__('SciPy'),
          reference: 'quay.io/jupyter/scipy-notebook:latest',
          framework: null,
          vendor: 'Jupyter',
          verdict: null,
          tags: []
        }
      ]
    });
    server.answers.set(`GET ${ASKED}`, DETAILS);
    server.answers.set(TAGS, {
      repository: 'nvcr.io/nvidia/pytorch',
      tags: ['26.07-py3', '25.08-py3'],
      total: 2
    });
  });

  async function dialog(reference?: string): Promise<HTMLElement> {
    const { model } = await makeModel(server);
    const { registries } = await makeJobs(server);
    const widget = new AddImage({
      model,
      registries,
      trans,
      reference,
      onPull
    });
    await show(widget);
    await settled();
    return widget.node;
  }

  const search = (node: Element) => node.querySelector('input[type=search]')!;
  const rows = (node: Element) =>
    [
      ...node.querySelectorAll(
        '.jp-GpuContainers-found .jp-GpuContainers-title'
      )
    ].map(({ textContent }) => textContent);

  it('shows the catalogue with verdicts, filtered by what is typed', async () => {
    const node = await dialog();
    expect(rows(node)).toEqual(['PyTorch by NVIDIA', 'SciPy']);
    expect(
      node.querySelector('.jp-GpuContainers-found .jp-GpuContainers-badge')!
        .textContent
    ).toBe('Does not run here');
    type(search(node), 'scipy');
    await settled();
    expect(rows(node)).toEqual(['SciPy']);
  });

  it('shows what there is to fetch, and whether it will run', async () => {
    const node = await dialog();
    node
      .querySelector<HTMLElement>(
        '.jp-GpuContainers-found .jp-GpuContainers-rowButton'
      )!
      .click();
    await settled();
    const right = node.querySelector('.jp-GpuContainers-choiceDetails')!;
    expect(right.textContent).toContain('needs driver >= 570.26');
    expect(right.textContent).toContain('linux/amd64, linux/arm64');
    expect(right.querySelector('a')).toBeNull(); // no link but to the web
    const names = [...right.querySelectorAll('option')].map(({ text }) => text);
    expect(names).toEqual([
      PYTORCH,
      'nvcr.io/nvidia/pytorch:24.01-py3',
      'nvcr.io/nvidia/pytorch:26.07-py3'
    ]);
    button(node, 'Pull 8.4 GB').click();
    expect(onPull).toHaveBeenCalledWith(PYTORCH, DETAILS);
  });

  it('takes a name, and the newest version where it has none', async () => {
    const newest = 'GET images/nvcr.io/nvidia/pytorch%3A26.07-py3';
    server.answers.set(newest, { ...DETAILS, on_engine: true, download: 0 });
    const node = await dialog();
    type(search(node), 'nvcr.io/nvidia/pytorch');
    search(node).dispatchEvent(
      new KeyboardEvent('keydown', { key: 'Enter', bubbles: true })
    );
    await settled();
    await settled();
    expect(server.requests.map(({ what }) => what)).toContain(newest);
    button(node, 'Pull Again').click();
    expect(onPull.mock.calls[0][0]).toBe('nvcr.io/nvidia/pytorch:26.07-py3');
  });

  it('tells on demand which versions run here, and why others do not', async () => {
    const tag = (name: string) => `GET images/nvcr.io/nvidia/pytorch%3A${name}`;
    const arm = {
      code: 'wrong_architecture',
      message: 'The image is for arm64.',
      hint: ''
    };
    server.answers.set(tag('26.07-py3'), json(arm, 409));
    const verdict = { verdict: 'likely', gpus: [], reasons: [] };
    server.answers.set(tag('24.01-py3'), { ...DETAILS, verdict });
    const node = await dialog(PYTORCH);
    expect(server.requests.map(({ what }) => what)).not.toContain(
      tag('24.01-py3')
    );
    button(node, 'Which versions run here?').click();
    await settled();
    const list = node.querySelector('[aria-label=Versions]')!;
    expect([...list.children].map(({ textContent }) => textContent)).toEqual([
      '25.08-py3Does not run here' + TOO_OLD.gpus[0].reasons[0].message,
      '24.01-py3Should run here',
      '26.07-py3Does not run here' + arm.message
    ]);
    (list.children[1].firstChild as HTMLElement).click();
    await settled();
    button(node, 'Pull 8.4 GB').click();
    expect(onPull.mock.calls[0][0]).toBe('nvcr.io/nvidia/pytorch:24.01-py3');
  });

  it('says so where the registry has but one version', async () => {
    const reference = 'quay.io/jupyter/scipy-notebook:latest';
    const repository = 'quay.io/jupyter/scipy-notebook';
    server.answers.set(
      'GET registries/quay.io/tags?repository=jupyter%2Fscipy-notebook',
      {
        repository,
        tags: ['latest'],
        total: 1
      }
    );
    const node = await dialog(reference);
    expect(node.textContent).toContain('Its registry names no other version.');
    expect(() => button(node, 'Which versions run here?')).toThrow();
    const other = await dialog(PYTORCH);
    expect(other.textContent).not.toContain('names no other version');
  });

  it('asks no more of a registry that has had enough', async () => {
    const tags = [...Array(20).keys()].map(n => `1.${20 - n}`);
    server.answers.set(TAGS, {
      repository: 'nvcr.io/nvidia/pytorch',
      tags,
      total: tags.length
    });
    const code = 'registry_rate_limited';
    for (const tag of tags) {
      server.answers.set(
        `GET images/nvcr.io/nvidia/pytorch%3A${tag}`,
        json({ ...BUSY, code }, 429)
      );
    }
    const node = await dialog(PYTORCH);
    button(node, 'Which versions run here?').click();
    await settled();
    const list = node.querySelector('[aria-label=Versions]')!;
    expect(list.children).toHaveLength(10);
    const last = list.children[9].textContent;
    expect(last).toContain('Not known' + BUSY.message);
    const asked = server.requests.filter(({ what }) => what.includes('%3A1.'));
    expect(asked.length).toBeLessThanOrEqual(3);
  });

  it('searches Docker Hub for what is no name', async () => {
    server.answers.set('GET search?q=torch%20two', {
      results: [
        { name: 'pytorch/pytorch', description: '', stars: 7, official: false }
      ]
    });
    const node = await dialog();
    type(search(node), 'torch two');
    search(node).dispatchEvent(
      new KeyboardEvent('keydown', { key: 'Enter', bubbles: true })
    );
    await settled();
    expect(rows(node)).toEqual(['pytorch/pytorch']);
    expect(node.textContent).toContain('★ 7');
  });

  it('says why there is no search, without an alarm', async () => {
    server.answers.set('GET search?q=torch', json(BUSY, 503));
    const node = await dialog();
    type(search(node), 'torch');
    search(node).dispatchEvent(
      new KeyboardEvent('keydown', { key: 'Enter', bubbles: true })
    );
    await settled();
    expect(node.querySelector('[role=note]')!.textContent).toContain(
      BUSY.message
    );
    expect(node.querySelector('[role=alert]')).toBeNull();
  });

  it('asks for a login where the registry wants one, and asks again', async () => {
    server.answers.set(`GET ${ASKED}`, json(UNAUTHORIZED, 403));
    server.answers.set('POST registries/nvcr.io/login', json(BUSY, 403));
    const node = await dialog(PYTORCH);
    expect(node.textContent).toContain(UNAUTHORIZED.message);
    expect(node.textContent).not.toContain(UNAUTHORIZED.hint); // the form says it
    const form = node.querySelector('form')!;
    expect(form.getAttribute('aria-label')).toBe('Log in to nvcr.io');
    expect(form.textContent).not.toContain('User name');
    const secret = form.querySelector('[type=password]')!;
    type(secret, 'wrong');
    form.requestSubmit();
    await settled();
    expect(form.querySelector('[role=alert]')!.textContent).toContain(
      BUSY.message
    );

    server.answers.set('POST registries/nvcr.io/login', {
      host: 'nvcr.io',
      username: '$oauthtoken',
      kept_in: 'a file'
    });
    server.answers.set(`GET ${ASKED}`, DETAILS);
    type(secret, 'right');
    form.requestSubmit();
    await settled();
    await settled();
    expect(server.requests).toContainEqual({
      what: 'POST registries/nvcr.io/login',
      body: { secret: 'right' }
    });
    expect(node.querySelector('form')).toBeNull();
    expect(node.innerHTML).not.toContain('right');
    button(node, 'Pull 8.4 GB');
  });

  it.each([
    ['registry_unreachable', false],
    ['tag_unknown', true]
  ])('after %s, Pull is disabled: %s', async (code, isDisabled) => {
    server.answers.set(`GET ${ASKED}`, json({ ...BUSY, code }, 503));
    const node = await dialog(PYTORCH);
    const pull = button(node, 'Pull') as HTMLButtonElement;
    expect(pull.disabled).toBe(isDisabled);
  });
});
