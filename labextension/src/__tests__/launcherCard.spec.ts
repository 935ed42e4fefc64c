// The launcher's card: only where there is a server half, and once.
import { LauncherModel } from '@jupyterlab/launcher';
import { addLauncherCard } from '../commands/launcherCard';
import { FakeServer, makeModel } from './fakes';
import { settled } from './screen';

describe('the launcher', () => {
  it('leads to containers before there is an environment', async () => {
    const { model } = await makeModel();
    const launcher = new LauncherModel();
    addLauncherCard(launcher, model, 'Notizbuch');
    await model.refresh();
    const [card, ...others] = [...launcher.items()];
    expect(others).toEqual([]);
    expect(card).toMatchObject({
      command: 'gpu-containers:new-notebook',
      args: { isLauncher: true }
    });
    expect(card.category).toBe('Notizbuch');
    expect(decodeURIComponent(card.kernelIconUrl ?? '')).toMatch(
      /^data:image\/svg\+xml,<svg /
    );
  });

  it('stays as it is without the server half', async () => {
    const server = new FakeServer();
    server.answers.delete('GET launches');
    const { model } = await makeModel(server);
    const launcher = new LauncherModel();
    addLauncherCard(launcher, model, 'Notebook');
    await settled();
    expect(model.available).toBe(false);
    expect([...launcher.items()]).toEqual([]);
  });
});
