// Images in the panel: those here and those recommended, the filter, chips, menus.
/* eslint jupyter/no-untranslated-string: off -- the title of an entry is data */
import { CommandIDs } from '../commands/commandIds';
import { IImage } from '../client/wire';
import { ICatalogueEntry } from '../client/wireImages';
import { BUSY, FakeServer, TOO_OLD, json } from './fakes';
import { IPanelScreen, clickTitle, menuLabels, showPanel } from './panelScreen';
import { IMAGE, button, rendered, settled, type } from './screen';

const ENTRY = {
  name: 'pytorch',
  title: 'PyTorch',
  description: 'Deep learning.',
  reference: 'pytorch/pytorch:2.6',
  link: '',
  licence: 'BSD',
  framework: 'PyTorch',
  vendor: 'PyTorch Foundation',
  verdict: { verdict: 'compatible', gpus: [], reasons: [] },
  on_engine: false,
  download: 3.6e9,
  fetch_seconds: 240,
  tags: []
} as unknown as ICatalogueEntry;

describe('the Images section', () => {
  async function withImages(
    images: IImage[],
    entries: ICatalogueEntry[] = []
  ): Promise<IPanelScreen> {
    const server = new FakeServer();
    server.answers.set('GET images', { images });
    server.answers.set('GET catalogue', { entries });
    return showPanel(server);
  }

  const titles = ({ section }: IPanelScreen) =>
    [
      ...section('Images')!.querySelectorAll(
        '.jp-GpuContainers-image .jp-GpuContainers-title'
      )
    ].map(({ textContent }) => textContent);
  const many = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      ...IMAGE,
      id: `sha256:${n}`,
      references: [`team/project-${n}:1`],
      framework: null
    }));

  it('says whether an image runs here, in words, with the reasons', async () => {
    const { section } = await withImages([{ ...IMAGE, verdict: TOO_OLD }]);
    const chip = section('Images')!.querySelector('[data-kind=fit]')!;
    expect(chip.textContent).toBe('Needs driver ≥ 570');
    expect(chip.getAttribute('title')).toMatch(/driver >= 570.26/);
    expect(section('Images')!.textContent).toContain('Python 3.12 · CUDA 13.0');
    expect(section('Images')!.textContent).not.toContain('On this machine ·');
  });

  it('starts an image, and offers what else can be done with it', async () => {
    const screen = await withImages([IMAGE]);
    const item = screen.section('Images')!.querySelector('li')!;
    item.querySelector('button')!.click();
    expect(screen.executed).toEqual([
      [CommandIDs.selectEnvironment, { image: IMAGE.id }]
    ]);
    clickTitle(item, 'Actions for PyTorch 25.08');
    expect(menuLabels()).toEqual([
      CommandIDs.selectEnvironment,
      'gpu-containers:new-notebook',
      CommandIDs.showImage,
      CommandIDs.pull,
      CommandIDs.tag,
      CommandIDs.push,
      CommandIDs.build,
      CommandIDs.removeImage
    ]);
  });

  it('does not offer to start what cannot be started, and says why', async () => {
    const { section } = await withImages([{ ...IMAGE, problem: BUSY }]);
    const item = section('Images')!.querySelector('li')!;
    expect(item.querySelector('button')!.disabled).toBe(true);
    expect(item.textContent).toContain(BUSY.message);
  });

  it('shows names as text, whatever they hold', async () => {
    const references = ['<img src=x onerror=alert(1)>:1'];
    const screen = await withImages([
      { ...IMAGE, references, framework: null }
    ]);
    expect(screen.node.querySelector('img')).toBeNull();
    expect(titles(screen)).toEqual(['<img src=x onerror=alert(1)> 1']);
  });

  it('recommends images where there is none, with one click to fetch one', async () => {
    const screen = await withImages([], [ENTRY]);
    const section = screen.section('Images')!;
    expect(section.textContent).toContain(
      'There is no image on this machine yet.'
    );
    expect(titles(screen)).toEqual(['PyTorch']);
    expect(section.textContent).toContain('3.6 GB to download, about 4 min');
    button(section, 'Pull PyTorch: 3.6 GB').click();
    expect(screen.executed).toEqual([
      [
        CommandIDs.pull,
        { reference: ENTRY.reference, title: ENTRY.title, ask: true }
      ]
    ]);
  });

  it('keeps the row of one that has come since, with nothing to fetch', async () => {
    const entry = { ...ENTRY, reference: IMAGE.references[0] };
    const screen = await withImages([IMAGE], [entry]);
    button(screen.section('Images')!, 'Recommended 1').click();
    await settled();
    const item = screen.section('Images')!.querySelector('li')!;
    expect(item.textContent).toContain('On this machine');
    expect(item.textContent).not.toContain('to download');
    expect(item.querySelectorAll('button')).toHaveLength(2);
  });

  it('does not fetch with one click what will not run', async () => {
    const screen = await withImages([], [{ ...ENTRY, verdict: TOO_OLD }]);
    const item = screen.section('Images')!.querySelector('li')!;
    expect(item.querySelectorAll('button')).toHaveLength(2);
    item.querySelector('button')!.click();
    clickTitle(item, 'Actions for PyTorch');
    expect(menuLabels()).not.toContain(CommandIDs.pull);
    expect(screen.executed).toEqual([
      [CommandIDs.addImage, { reference: ENTRY.reference }]
    ]);
  });

  it('leaves out recommendations that are here already', async () => {
    const screen = await withImages([IMAGE], [{ ...ENTRY, on_engine: true }]);
    expect(titles(screen)).toEqual(['PyTorch 25.08']);
    button(screen.section('Images')!, 'Recommended 0').click();
    await settled();
    expect(screen.section('Images')!.textContent).toContain(
      'All recommended images are on this machine.'
    );
    button(screen.section('Images')!, 'Search the registries…').click();
    expect(screen.executed).toEqual([[CommandIDs.addImage, {}]]);
  });

  it('filters both by every word that is typed', async () => {
    const screen = await withImages(many(12), [ENTRY]);
    const section = screen.section('Images')!;
    expect(titles(screen)).toHaveLength(12);
    const box = section.querySelector('.jp-FilterBox')!;
    const input = box.querySelector('input') ?? box;
    type(input, 'project-1 team');
    await settled();
    expect(titles(screen)).toEqual([
      'project-1 1',
      'project-10 1',
      'project-11 1'
    ]);
    button(section, 'On this machine 3');
    button(section, 'Recommended 0');
    type(input, 'pytorch');
    await settled();
    expect(section.textContent).toContain(
      'No image on this machine has this name.'
    );
    button(section, 'Recommended 1').click();
    await settled();
    expect(titles(screen)).toEqual(['PyTorch']);
  });

  it('stands by itself when the images cannot be listed', async () => {
    const server = new FakeServer();
    server.answers.set('GET images', json(BUSY, 503));
    const { section, executed } = await showPanel(server);
    const alert = section('Images')!.querySelector('[role=alert]')!;
    expect(alert.textContent).toContain(BUSY.message);
    button(alert, 'Try again').click();
    expect(executed).toEqual([[CommandIDs.refresh, {}]]);
    expect(section('GPUs')!.querySelector('[role=alert]')).toBeNull();
    expect(section('Running')!.querySelector('[role=alert]')).toBeNull();
  });

  it('asks again for recommendations that could not be had', async () => {
    const server = new FakeServer();
    server.answers.set('GET catalogue', json(BUSY, 503));
    const { widget, section } = await showPanel(server);
    const alert = section('Images')!.querySelector('[role=alert]')!;
    expect(alert.textContent).toContain(BUSY.message);
    server.answers.set('GET catalogue', { entries: [ENTRY] });
    button(alert, 'Try again').click();
    await settled();
    await rendered(widget);
    expect(section('Images')!.textContent).toContain('PyTorch');
    expect(section('Images')!.querySelector('[role=alert]')).toBeNull();
  });
});
