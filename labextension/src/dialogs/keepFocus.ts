// Keeps the keyboard in a dialog: JupyterLab's dialogs hear Escape only while they have the focus.
import { DisposableDelegate, IDisposable } from '@lumino/disposable';

const FOCUSABLE = [
  'a[href]',
  'button:enabled',
  'input:enabled',
  'select:enabled',
  'textarea:enabled',
  'summary',
  '[tabindex="0"]'
].join();

/**
 * Where what has the focus is removed or disabled, give the focus to what is nearest to it.
 *
 * @returns what ends it
 */
export function keepFocus(root: HTMLElement): IDisposable {
  /** What has the focus, and what it is in, from the inside out. */
  let path: Element[] = [];
  const onFocus = ({ target }: FocusEvent) => {
    path = [];
    let node = target instanceof Element ? target : null;
    for (; node && node !== root; node = node.parentElement) {
      path.push(node);
    }
  };
  const observer = new MutationObserver(() => {
    const [focused] = path;
    const active = document.activeElement;
    const isLost =
      focused && (!root.contains(focused) || focused.matches(':disabled'));
    const isElsewhere =
      active && active !== document.body && active !== focused;
    if (isLost && !isElsewhere) {
      const left = path.filter(node => root.contains(node));
      [...left, root].some(focusWithin);
    }
  });
  root.addEventListener('focusin', onFocus);
  observer.observe(root, {
    attributeFilter: ['disabled'],
    childList: true,
    subtree: true
  });
  return new DisposableDelegate(() => {
    observer.disconnect();
    root.removeEventListener('focusin', onFocus);
  });
}

/** Focus the first that can have it; whether there is one. */
function focusWithin(place: Element): boolean {
  return [...place.querySelectorAll<HTMLElement>(FOCUSABLE)].some(node => {
    node.focus(); // does nothing to what is hidden
    return document.activeElement === node;
  });
}
