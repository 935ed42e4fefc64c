// The dialog that says what went wrong: only its remedy counts as chosen.
import { showProblem } from '../dialogs/problemDialog';
import { BUSY } from './fakes';
import { button, settled, trans } from './screen';
import { waitForDialog } from './dialogs';

it.each([
  [undefined, 'Close', false],
  ['Remove Anyway', 'Close', false],
  ['Remove Anyway', 'Remove Anyway', true]
])('with remedy %s, %s means %s', async (remedy, label, isChosen) => {
  const chosen = showProblem(trans, 'It failed', BUSY, { remedy });
  await waitForDialog();
  await settled();
  const dialog = document.querySelector('.jp-Dialog')!;
  expect(dialog.textContent).toContain(BUSY.message);
  button(dialog, label).click();
  expect(await chosen).toBe(isChosen);
});

it('keeps the end of a sentence with its last command', async () => {
  const hint =
    'Start it: `sudo systemctl start docker`. See `nvidia-smi`, too.';
  const shown = showProblem(trans, 'It failed', { ...BUSY, hint });
  await waitForDialog();
  await settled();
  const found = document.querySelector('.jp-GpuContainers-hint')!;
  expect(found.textContent).toBe(hint.replace(/`/g, ''));
  const ends = found.querySelectorAll('.jp-GpuContainers-hintEnd');
  expect([...ends].map(({ textContent }) => textContent)).toEqual(['.', ',']);
  button(document.querySelector('.jp-Dialog')!, 'Close').click();
  await shown;
});
