// A screen for unit tests: widgets that are attached and rendered, and things to show on them.
import { nullTranslator } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { MessageLoop } from '@lumino/messaging';
import { Widget } from '@lumino/widgets';
import { DOMAIN } from '../tokens';
import { IGpu, IImage } from '../client/wire';

/** Speaks English. */
export const trans = nullTranslator.load(DOMAIN);
/** Bytes. */
export const GIB = 1024 ** 3;

/** An image that was looked into. */
export const IMAGE: IImage = {
  id: 'sha256:1',
  references: ['nvcr.io/nvidia/pytorch:25.08-py3'],
  digests: [`nvcr.io/nvidia/pytorch@sha256:${'a'.repeat(64)}`],
  size: 12.1 * GIB,
  created: '2026-11-21T05:00:00.000Z',
  architecture: 'amd64',
  framework: { name: 'PyTorch', version: '25.08' },
  cuda: '13.0.0',
  python: '3.12.3',
  kernels: [
    { name: 'python3', display_name: 'Python 3', language: 'python' },
    { name: 'ir', display_name: 'R', language: 'R' }
  ],
  problem: null,
  verdict: null
};

/** A GPU that is free. */
export const GPU: IGpu = {
  uuid: 'GPU-1',
  index: 0,
  name: 'NVIDIA H100 80GB HBM3',
  memory_total: 80 * GIB,
  memory_used: 12.3 * GIB,
  memory_free: 67.7 * GIB,
  utilization: 0,
  compute_capability: '9.0',
  mig_profile: null,
  parent_uuid: null,
  state: 'free',
  problem: null,
  slots: 1,
  slots_used: 0,
  holder: null,
  holders: []
};

/** Who holds a GPU. */
export const HOLDER = {
  container_id: 'c1',
  kernel_id: 'k1',
  environment: 'pytorch-1gpu',
  display_name: 'PyTorch 25.08 · 1 GPU',
  notebook: 'work/train.ipynb',
  owner: 'ada',
  mine: true,
  memory_used: null,
  since: null,
  mean_utilization: null
};

/** In as many React has drawn, has run its effects, and has drawn what these changed. */
const TURNS = 6;

let shown: Widget[] = [];

/** Attach a widget and wait until React has rendered it. */
export async function show<T extends ReactWidget>(widget: T): Promise<T> {
  Widget.attach(widget, document.body);
  shown.push(widget);
  return rendered(widget);
}

/** Wait until React has rendered what has changed. */
export async function rendered<T extends ReactWidget>(widget: T): Promise<T> {
  MessageLoop.flush();
  await widget.renderPromise;
  await new Promise(resolve => requestAnimationFrame(resolve));
  for (let turn = 0; turn < TURNS; turn += 1) {
    await new Promise(resolve => setTimeout(resolve));
  }
  return widget;
}

// whoever shows widgets has them removed
afterEach(() => {
  shown.forEach(widget => widget.dispose());
  shown = [];
});

/** Wait until answers have come and been rendered. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 4; i += 1) {
    await new Promise(resolve => setTimeout(resolve));
    await new Promise(resolve => requestAnimationFrame(resolve));
  }
}

/** The button of this text or label. */
export function button(node: Element, name: string): HTMLElement {
  const found = [...node.querySelectorAll<HTMLElement>('button')].find(
    each =>
      each.textContent?.trim() === name ||
      each.getAttribute('aria-label') === name ||
      each.title === name
  );
  if (!found) {
    throw new Error(`no button ${name} in ${node.innerHTML}`);
  }
  return found;
}

/** Type into a field, as React notices it. */
export function type(field: Element, text: string): void {
  const { set } = Object.getOwnPropertyDescriptor(
    HTMLInputElement.prototype,
    'value'
  )!;
  set!.call(field, text);
  field.dispatchEvent(new Event('input', { bubbles: true }));
}
