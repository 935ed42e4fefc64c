// The dialog of environments: images that are not on this machine.
import { BUSY, TOO_OLD, UNAUTHORIZED, json } from './fakes';
import {
  FormScreen,
  DETAILS,
  ENTRY,
  OLDER,
  QUICK,
  TAGS,
  TORCH,
  about,
  groups,
  key,
  radio,
  rested,
  right,
  search
} from './formScreen';
import { button, trans, type } from './screen';

describe('LaunchForm', () => {
  let screen: FormScreen;

  beforeEach(() => {
    screen = new FormScreen(QUICK);
  });

  describe('of images that are not here', () => {
    beforeEach(() => {
      screen.server.answers.set('GET images', { images: [] });
    });

    it('begins with what is recommended, and says what a start means', async () => {
      const widget = await screen.form();
      await rested();
      expect(groups(widget)).toEqual([['Recommended', ['PyTorch by NVIDIA']]]);
      expect(right(widget).textContent).toContain(
        '8.9 GB are downloaded first, which takes about 4 min; then the kernel starts.'
      );
      expect(screen.state).toEqual({
        request: { image: TORCH, gpus: 1, pull: true },
        label: trans.__('Download and Start'),
        isWarning: false
      });
      key(search(widget), 'Enter'); // nothing is downloaded by accident
      expect(screen.onSubmit).not.toHaveBeenCalled();
      expect(screen.onLook).toHaveBeenCalledTimes(1);
    });

    it('says nothing of a time that nobody knows', async () => {
      screen.server.answers.set(about(TORCH), {
        ...DETAILS,
        fetch_seconds: null
      });
      const widget = await screen.form();
      await rested();
      expect(right(widget).textContent).toContain(
        '8.9 GB are downloaded first, then the kernel starts.'
      );
    });

    it('offers an older version where the newest does not run here', async () => {
      const entry = { ...ENTRY, verdict: TOO_OLD, runs_here: OLDER };
      screen.server.answers.set('GET catalogue', { entries: [entry] });
      screen.server.answers.set(about(OLDER), { ...DETAILS, reference: OLDER });
      const widget = await screen.form();
      await rested();
      expect(widget.node.textContent).toContain('Version 23.10-py3 runs here');
      expect(screen.state?.request?.image).toBe(OLDER);
    });

    it('takes a name, offers the versions of its repository, and asks each once', async () => {
      const widget = await screen.form();
      type(search(widget), 'nvcr.io/nvidia/pytorch');
      await rested();
      expect(groups(widget)[1]).toEqual([
        'By its name',
        ['nvcr.io/nvidia/pytorch', '26.07-py3', '25.08-py3', '23.10-py3']
      ]);
      radio(widget, '25.08-py3').click();
      await rested();
      expect(screen.state?.request).toBeNull(); // its registry does not know it
      screen.server.answers.set(
        about('nvcr.io/nvidia/pytorch:25.08-py3'),
        DETAILS
      );
      radio(widget, 'nvcr.io/nvidia/pytorch').click();
      await rested();
      expect(screen.state?.request?.image).toBe(TORCH); // the newest
      const asked = screen.server.requests.filter(({ what }) => what === TAGS);
      expect(asked).toHaveLength(1);
    });

    it('begins with an image that is asked for, wherever it is', async () => {
      const image = 'registry.example.org/team/tool:1';
      screen.server.answers.set(about(image), { ...DETAILS, reference: image });
      const widget = await screen.form({ preset: { image } });
      expect(search(widget).value).toBe(image);
      await rested();
      expect(screen.state?.request).toEqual({ image, gpus: 1, pull: true });
    });

    it('searches Docker Hub, and says without an alarm why it cannot', async () => {
      screen.server.answers.set('GET search?q=torch%20two', {
        results: [
          { name: 'a/torch', description: 'Two', stars: 7, official: false }
        ]
      });
      const widget = await screen.form();
      type(search(widget), 'torch two');
      await rested();
      expect(groups(widget)).toEqual([['Docker Hub', ['a/torch']]]);
      expect(widget.node.textContent).toContain('★ 7 · Two');
      screen.server.answers.set('GET search?q=jax', json(BUSY, 503));
      type(search(widget), 'jax');
      await rested();
      expect(widget.node.querySelector('[role=note]')!.textContent).toContain(
        BUSY.message
      );
      expect(widget.node.querySelector('[role=alert]')).toBeNull();
      expect(screen.state?.request).toBeNull();
    });

    it('lets log in in place, and goes on', async () => {
      screen.server.answers.set(about(TORCH), json(UNAUTHORIZED, 403));
      const widget = await screen.form();
      await rested();
      expect(screen.state?.request).toBeNull();
      const login = right(widget).querySelector('form')!;
      expect(login.getAttribute('aria-label')).toBe('Log in to nvcr.io');
      screen.server.answers.set('POST registries/nvcr.io/login', {
        host: 'nvcr.io',
        username: '$oauthtoken',
        kept_in: 'a file'
      });
      screen.server.answers.set(about(TORCH), DETAILS);
      type(login.querySelector('[type=password]')!, 'secret');
      login.requestSubmit();
      await rested();
      expect(right(widget).querySelector('form')).toBeNull();
      expect(screen.state?.request).toEqual({
        image: TORCH,
        gpus: 1,
        pull: true
      });
    });

    it('lets the engine try where only the registry cannot be reached from here', async () => {
      const problem = { ...BUSY, code: 'registry_unreachable' };
      screen.server.answers.set(about(TORCH), json(problem, 503));
      const widget = await screen.form();
      await rested();
      expect(right(widget).textContent).toContain(BUSY.message);
      expect(screen.state?.request).toEqual({
        image: TORCH,
        gpus: 1,
        pull: true
      });
      expect(right(widget).textContent).toContain('It is downloaded first');
    });

    it('leads to what is only to be downloaded', async () => {
      const onAddImage = jest.fn();
      const widget = await screen.form({ onAddImage, registries: null });
      expect(widget.node.textContent).toContain('There is no image on this');
      button(widget.node, 'Add another image…').click();
      expect(onAddImage).toHaveBeenCalledTimes(1);
      expect(widget.getValue()).toBeNull();
      expect(screen.state?.request).toBeNull();
    });
  });
});
