// The keyboard stays in a dialog, whatever its body replaces.
import { keepFocus } from '../dialogs/keepFocus';
import { settled } from './screen';

function made(html: string): HTMLElement {
  const root = document.createElement('div');
  root.innerHTML = html;
  document.body.append(root);
  return root;
}

const BODY =
  '<input id="first"><p><button id="a">A</button><button id="b">B</button></p>';

it.each([
  ['removed', (node: HTMLButtonElement) => node.remove(), 'b'],
  ['disabled', (node: HTMLButtonElement) => (node.disabled = true), 'b'],
  [
    'removed with what is around it',
    (node: HTMLElement) => node.parentElement!.remove(),
    'first'
  ]
])('a button that is %s gives its focus on', async (_, change, next) => {
  const root = made(BODY);
  const keeper = keepFocus(root);
  const button = root.querySelector<HTMLButtonElement>('#a')!;
  button.focus();
  change(button);
  await settled();
  expect(document.activeElement!.id).toBe(next);
  keeper.dispose();
  root.remove();
});

it('leaves the focus where it was put meanwhile, and alone once it has ended', async () => {
  const root = made(BODY);
  const keeper = keepFocus(root);
  const find = (id: string) => root.querySelector<HTMLElement>(`#${id}`)!;
  find('a').focus();
  find('first').focus();
  find('a').remove();
  await settled();
  expect(document.activeElement!.id).toBe('first');
  find('b').focus();
  keeper.dispose();
  find('b').remove();
  await settled();
  expect(document.activeElement).toBe(document.body);
  root.remove();
});
