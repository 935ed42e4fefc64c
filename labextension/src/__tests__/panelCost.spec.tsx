// What the panel costs: nothing while nobody sees it, and with long lists no more than has changed.
import { IGpu, IImage } from '../client/wire';
import { FakeServer, makeJob } from './fakes';
import { IPanelScreen, showPanel } from './panelScreen';
import { GPU, IMAGE, settled, trans } from './screen';

/** More than are made at once. */
const MANY = 60;
const IMAGES: IImage[] = Array.from({ length: MANY }, (_, n) => ({
  ...IMAGE,
  id: `sha256:${n}`,
  references: [`team/project-${n}:1`]
}));

function makeServer(images = IMAGES, gpus: IGpu[] = [GPU]): FakeServer {
  const server = new FakeServer();
  setImages(server, images);
  setGpus(server, gpus);
  return server;
}

function setImages(server: FakeServer, images: readonly IImage[]): void {
  server.answers.set('GET images', { images });
}

function setGpus(server: FakeServer, gpus: readonly IGpu[]): void {
  server.answers.set('GET gpus', { driver: null, problem: null, gpus });
}

const rows = ({ node }: IPanelScreen) =>
  node.querySelectorAll('.jp-GpuContainers-image').length;

/** Wait until something is true of what the panel shows. */
async function until(
  { node }: IPanelScreen,
  isTrue: () => boolean
): Promise<void> {
  await new Promise<void>(resolve => {
    const look = () => {
      if (isTrue()) {
        observer.disconnect();
        resolve();
      }
    };
    const observer = new MutationObserver(look);
    const what = { attributes: true, characterData: true, childList: true };
    observer.observe(node, { ...what, subtree: true });
    look();
  });
}

/** Show the panel with all its images. */
async function showWhole(server: FakeServer): Promise<IPanelScreen> {
  const screen = await showPanel(server);
  await until(screen, () => rows(screen) === MANY);
  return screen;
}

/** Counts how often rows of images, or of GPUs, are drawn: each asks for these words once. */
class Drawn {
  constructor() {
    this._said = jest.spyOn(trans, '__');
  }

  get images(): number {
    return this._count('Use %1 for the current notebook');
  }

  get gpus(): number {
    return this._count('Memory of %1');
  }

  get panels(): number {
    return this._count('GPU containers');
  }

  /** Wait until everything that is known was drawn. */
  async rest(): Promise<void> {
    let before: number;
    do {
      before = this.panels;
      await settled();
    } while (this.panels !== before);
  }

  private _count(words: string): number {
    return this._said.mock.calls.filter(([said]) => said === words).length;
  }

  private _said: jest.SpyInstance<string, [string, ...unknown[]]>;
}

afterEach(() => jest.restoreAllMocks());

describe('a panel that nobody sees', () => {
  it('is not drawn before it is first shown, and asks for nothing', async () => {
    const server = makeServer();
    const options = { isLoaded: false, isHidden: true };
    const screen = await showPanel(server, options);
    await screen.model.refresh();
    await settled();
    expect(screen.node.innerHTML).toBe('');
    expect(server.requests.map(({ what }) => what)).not.toContain(
      'GET catalogue'
    );
    screen.widget.show();
    await until(screen, () => rows(screen) === MANY);
    expect(server.requests.map(({ what }) => what)).toContain('GET catalogue');
  });

  it('stays as it is while it is hidden, and shows all news when it is back', async () => {
    const server = makeServer();
    const screen = await showWhole(server);
    const { events, setSessions, widget } = screen;
    const drawn = new Drawn();
    await drawn.rest();
    widget.hide();
    const { innerHTML: before } = screen.node;
    const { panels } = drawn;
    setImages(server, IMAGES.slice(1));
    setGpus(server, [{ ...GPU, utilization: 50 }]);
    await screen.model.refresh();
    events.emitJob(makeJob());
    await setSessions([]);
    await settled();
    expect(drawn.panels).toBe(panels);
    expect(screen.node.innerHTML).toBe(before);
    widget.show();
    await until(screen, () => rows(screen) === MANY - 1);
    expect(screen.section('GPUs')!.textContent).toContain('50 % busy');
    expect(screen.section('Jobs')!.textContent).toContain('pytorch:25.08-py3');
  });

  it('no longer listens once it is gone', async () => {
    const screen = await showPanel(makeServer());
    const drawn = new Drawn();
    await drawn.rest();
    screen.widget.dispose();
    const { panels } = drawn;
    await screen.model.refresh();
    await settled();
    expect(drawn.panels).toBe(panels);
  });
});

describe('a long list', () => {
  it('is not drawn anew for a GPU, nor for the same images once more', async () => {
    const server = makeServer();
    const screen = await showWhole(server);
    const drawn = new Drawn();
    setGpus(server, [{ ...GPU, utilization: 50 }]);
    const says = (name: string, words: string) => () =>
      screen.section(name)!.textContent.includes(words);
    await screen.model.refresh();
    await until(screen, says('GPUs', '50 % busy'));
    expect([drawn.gpus, drawn.images]).toEqual([1, 0]);
    const changed = { ...IMAGES[7], python: '3.13.1' };
    setImages(server, [...IMAGES.slice(0, 7), changed, ...IMAGES.slice(8)]);
    await screen.model.refresh();
    await until(screen, says('Images', 'Python 3.13'));
    expect([drawn.gpus, drawn.images]).toEqual([1, 1]);
  });

  it('draws of many GPUs those alone that have changed', async () => {
    const gpus = Array.from({ length: 64 }, (_, index) => ({
      ...GPU,
      uuid: `GPU-${index}`,
      index
    }));
    const server = makeServer([], gpus);
    const screen = await showPanel(server);
    const drawn = new Drawn();
    const busy = { ...gpus[3], utilization: 80 };
    setGpus(server, [...gpus.slice(0, 3), busy, ...gpus.slice(4)]);
    await screen.model.refresh();
    await until(screen, () =>
      screen.section('GPUs')!.textContent.includes('80 % · ')
    );
    expect(drawn.gpus).toBe(1);
  });

  it('shows its beginning first, and the rest without being asked', async () => {
    const options = { isHidden: true };
    const screen = await showPanel(makeServer(), options);
    const seen: number[] = [];
    const observer = new MutationObserver(() => seen.push(rows(screen)));
    observer.observe(screen.node, { childList: true, subtree: true });
    screen.widget.show();
    await until(screen, () => rows(screen) === MANY);
    observer.disconnect();
    const steps = [...new Set(seen)].filter(Boolean);
    expect(steps).toEqual([30, MANY]);
  });

  it('is drawn once for all that changes from one frame to the next', async () => {
    const server = makeServer();
    const screen = await showWhole(server);
    const drawn = new Drawn();
    await drawn.rest();
    const { panels } = drawn;
    for (let number = 0; number < 20; number += 1) {
      screen.events.emitJob(makeJob({ id: `j${number}` }));
    }
    const jobs = () => screen.node.querySelectorAll('.jp-GpuContainers-job');
    await until(screen, () => jobs().length > 0);
    expect([jobs().length, drawn.panels - panels]).toEqual([20, 1]);
  });
});
