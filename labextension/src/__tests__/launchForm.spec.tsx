// The dialog of environments: images on this machine, also by keyboard.
import { IImage } from '../client/wire';
import { Rating } from '../client/wireImages';
import { BUSY, TOO_OLD, json } from './fakes';
import {
  FormScreen,
  CPU,
  ENTRY,
  groups,
  key,
  radio,
  search
} from './formScreen';
import { GIB, IMAGE, button, settled, trans, type } from './screen';

describe('LaunchForm', () => {
  let screen: FormScreen;

  beforeEach(() => {
    screen = new FormScreen();
  });

  describe('of images on this machine', () => {
    it('begins with the first that runs here and one GPU', async () => {
      const broken = { ...IMAGE, id: 'sha256:0', verdict: TOO_OLD };
      screen.server.answers.set('GET images', { images: [broken, IMAGE, CPU] });
      const widget = await screen.form();
      expect(widget.getValue()).toEqual({
        image: IMAGE.references[0],
        gpus: 1
      });
      expect(widget.node.textContent).toContain('1 of 2 free');
      expect(screen.state!.label).toBe('Start');
    });

    it('begins with the present environment', async () => {
      const preset = {
        image: 'cpu:1',
        gpus: 2,
        memory: 8 * GIB,
        shm_size: null,
        kernel: 'ir'
      };
      const widget = await screen.form({ preset });
      expect(widget.getValue()).toEqual({
        image: 'cpu:1',
        gpus: 2,
        memory: 8 * GIB,
        kernel: 'ir'
      });
    });

    it('begins with what was started last', async () => {
      const last = { image: 'cpu:1', gpus: 2, shm_size: 8 * GIB };
      expect((await screen.form({ last })).getValue()).toEqual(last);
      const other = await screen.form({ last });
      button(other.node, 'Start PyTorch 25.08').click();
      expect(other.getValue()?.gpus).toBe(1); // its own usual number
      const gone = { ...last, image: 'gone:1' };
      expect((await screen.form({ last: gone })).getValue()?.image).toBe(
        IMAGE.references[0]
      );
      const preset = { image: IMAGE.id };
      expect((await screen.form({ last, preset })).getValue()).toEqual({
        image: IMAGE.references[0],
        gpus: 1
      });
    });

    it('keeps to what a remedy asks for, in the last environment', async () => {
      const last = { image: 'cpu:1', gpus: 1 };
      const preset = { shm_size: 8 * GIB };
      const widget = await screen.form({ last, preset });
      expect(widget.getValue()).toEqual({ ...last, ...preset });
      const advanced = widget.node.querySelector('details')!;
      expect(advanced.open).toBe(true);
      expect(advanced.textContent).toContain('8 GB shared');
    });

    it('asks for no GPU for an image without CUDA', async () => {
      const widget = await screen.form({ preset: { image: 'sha256:2' } });
      expect(widget.getValue()).toEqual({ image: 'cpu:1', gpus: 0 });
    });

    it('starts an image by its own button, in one click', async () => {
      const widget = await screen.form();
      button(widget.node, 'Start cpu 1').click();
      expect(screen.onSubmit).toHaveBeenCalledTimes(1);
      expect(widget.getValue()).toEqual({ image: 'cpu:1', gpus: 0 });
    });

    it('looks into an image whose kernels are not known', async () => {
      const images = [{ ...IMAGE, kernels: null }];
      screen.server.answers.set('GET images', { images });
      screen.server.answers.set('GET images/sha256%3A1', IMAGE);
      const widget = await screen.form();
      const kernels = [...widget.node.querySelectorAll('option')];
      expect(kernels.map(({ text }) => text)).toEqual(
        expect.arrayContaining(['Python 3', 'R'])
      );
    });

    it('says in place that an image does not run here, and leaves the choice', async () => {
      const image = { ...IMAGE, verdict: TOO_OLD };
      screen.server.answers.set('GET images', { images: [image] });
      const widget = await screen.form();
      const alert = widget.node.querySelector('[role=alert]')!;
      expect(alert.textContent).toContain('needs driver >= 570.26');
      expect(alert.textContent).toContain('GPUs 0, 1');
      expect(widget.node.textContent).toContain('Needs driver ≥ 570');
      expect(screen.state).toEqual({
        request: { image: IMAGE.references[0], gpus: 1 },
        label: trans.__('Start Anyway'),
        isWarning: true
      });
      expect(() => button(widget.node, 'Start PyTorch 25.08')).toThrow();
      key(search(widget), 'Enter'); // too quick for what is to be read first
      expect(screen.onSubmit).not.toHaveBeenCalled();
      expect(screen.onLook).toHaveBeenCalledTimes(1);
    });

    it('shows only what runs here where that is asked for', async () => {
      const image = { ...IMAGE, verdict: TOO_OLD };
      const entry = { ...ENTRY, verdict: TOO_OLD, runs_here: null };
      const verdict = (rating: Rating) => ({
        ...TOO_OLD,
        verdict: rating
      });
      const doubtful = {
        ...IMAGE,
        id: 'sha256:3',
        verdict: verdict('unverified')
      };
      const unjudged = { ...IMAGE, id: 'sha256:4', verdict: null };
      const cpu = { ...CPU, verdict: verdict('cpu') };
      screen.server.answers.set('GET images', {
        images: [image, doubtful, unjudged, cpu]
      });
      screen.server.answers.set('GET catalogue', { entries: [entry] });
      const widget = await screen.form({ onlyFitting: true });
      expect(groups(widget)).toEqual([['On this machine', ['cpu 1']]]);
      widget.node
        .querySelector<HTMLInputElement>('.jp-GpuContainers-only input')!
        .click();
      await settled();
      expect(groups(widget)).toHaveLength(2);
    });

    it('says in its row why an image does not run here, or may not', async () => {
      const doubtful: IImage = {
        ...IMAGE,
        verdict: {
          verdict: 'unverified',
          gpus: [],
          reasons: [
            {
              code: 'arch_unknown',
              message: 'It does not tell for which GPUs it was built.',
              evidence: '',
              severity: 'warning'
            }
          ]
        }
      };
      const old = { ...CPU, verdict: TOO_OLD };
      screen.server.answers.set('GET images', { images: [doubtful, old] });
      const widget = await screen.form();
      const texts = [
        ...widget.node.querySelectorAll('.jp-GpuContainers-choice label')
      ].map(label => label.textContent);
      expect(texts[0]).toContain('May not run here');
      expect(texts[0]).toContain(
        'It does not tell for which GPUs it was built.'
      );
      expect(texts[1]).toContain(
        'needs driver >= 570.26; this machine has 535.161'
      );
    });

    it('does not offer what cannot be started', async () => {
      const image = { ...IMAGE, problem: BUSY };
      screen.server.answers.set('GET images', { images: [image, CPU] });
      const widget = await screen.form();
      expect(radio(widget, 'PyTorch 25.08').disabled).toBe(true);
      expect(widget.node.textContent).toContain(BUSY.message);
      expect(widget.getValue()?.image).toBe('cpu:1');
    });
  });

  describe('by keyboard', () => {
    it('filters, goes down into the list, and comes back with a letter', async () => {
      const widget = await screen.form();
      expect(document.activeElement).toBe(search(widget));
      type(search(widget), 'cpu');
      await settled();
      expect(groups(widget)).toEqual([['On this machine', ['cpu 1']]]);
      expect(widget.getValue()?.image).toBe('cpu:1');
      key(search(widget), 'ArrowDown');
      expect(document.activeElement).toBe(radio(widget, 'cpu 1'));
      key(document.activeElement!, 'x');
      expect(document.activeElement).toBe(search(widget));
    });

    it('starts with Enter what is here and runs here, once all was asked', async () => {
      const widget = await screen.form();
      type(search(widget), 'cpu');
      await settled();
      key(search(widget), 'Enter');
      expect(screen.onSubmit).not.toHaveBeenCalled(); // Docker Hub is asked now
      await settled();
      key(search(widget), 'Enter');
      expect(screen.onSubmit).toHaveBeenCalledTimes(1);
    });

    it('passes rows that are not to be tabbed through', async () => {
      const widget = await screen.form();
      const starts = widget.node.querySelectorAll<HTMLElement>(
        '.jp-GpuContainers-choice button'
      );
      expect([...starts].map(({ tabIndex }) => tabIndex)).toEqual([-1, -1]);
    });
  });

  it('says why there is nothing to choose while the engine is away', async () => {
    const away = { ...BUSY, message: 'No container engine answers.' };
    screen.server.answers.set('GET images', json(away, 503));
    screen.server.answers.set('GET catalogue', json(away, 503));
    const widget = await screen.form();
    expect(widget.node.querySelector('[role=alert]')!.textContent).toContain(
      away.message
    );
    expect(widget.node.querySelector('input')).toBeNull();
    expect(screen.state?.request).toBeNull();
  });
});
