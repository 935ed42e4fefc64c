// Facts of images in two or three words.
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';
import { IVerdict, Rating } from '../client/wireImages';
import { chipsOf } from '../model/chips';
import { formatSize } from '../model/format';
import { Chips } from '../widgets/chip';
import { TOO_OLD } from './fakes';
import { IMAGE, show, trans } from './screen';

const GB = 1000 ** 3;

const ENTRY = {
  ...{ name: 'pytorch', title: trans.__('PyTorch') },
  description: '',
  reference: 'pytorch/pytorch:2.6.0',
  link: '',
  licence: '',
  framework: 'PyTorch',
  vendor: '',
  verdict: null,
  on_engine: false,
  download: 8.9 * GB,
  fetch_seconds: 240,
  tags: []
};

function verdict(rating: Rating, ...codes: string[]): IVerdict {
  const reasons = codes.map(code => ({
    code,
    message: `because of ${code}`,
    evidence: '',
    severity: 'problem' as const
  }));
  return { verdict: rating, gpus: [], reasons };
}

const texts = (image: Parameters<typeof chipsOf>[1]) =>
  chipsOf(trans, image).map(({ text }) => text);

describe('chipsOf', () => {
  it('says that an image is on this machine', () => {
    expect(texts(IMAGE)).toEqual(['On this machine']);
    expect(texts({ ...ENTRY, on_engine: true })).toEqual(['On this machine']);
  });

  it('says what there is to download, and how long it takes if known', () => {
    expect(texts(ENTRY)).toEqual(['8.9 GB to download, about 4 min']);
    expect(texts({ ...ENTRY, fetch_seconds: null })).toEqual([
      '8.9 GB to download'
    ]);
    expect(texts({ ...ENTRY, download: null })).toEqual([]);
  });

  it.each([
    ['compatible', [], 'Runs here'],
    ['likely', [], 'Should run here'],
    ['unverified', [], 'May not run here'],
    ['cpu', [], 'Needs no GPU'],
    ['gpu-broken', ['gpu_broken'], 'GPU does not work'],
    ['incompatible', ['wrong_architecture'], 'For other processors'],
    ['incompatible', ['no_gpu'], 'Needs a GPU'],
    ['incompatible', ['disk_full'], 'Too large for the disk'],
    ['incompatible', ['driver_too_old'], 'Needs a newer driver'],
    ['incompatible', ['no_kernel_for_gpu'], 'Does not run here']
  ] as [Rating, string[], string][])('says of %s %s: %s', (...args) => {
    const [rating, codes, text] = args;
    const image = { ...ENTRY, download: null };
    expect(texts({ ...image, verdict: verdict(rating, ...codes) })).toEqual([
      text
    ]);
  });

  it('names the driver that is needed, with all reasons on hover', () => {
    const [, fit] = chipsOf(trans, { ...IMAGE, verdict: TOO_OLD });
    expect(fit.text).toBe('Needs driver ≥ 570');
    expect(fit.title).toContain('this machine has 535.161');
    expect(fit.rating).toBe('incompatible');
  });

  it('says that a kernel is carried in', () => {
    const kernels = [{ ...IMAGE.kernels![0], carried: true }];
    expect(texts({ ...IMAGE, kernels })).toEqual([
      'On this machine',
      'Kernel will be carried in'
    ]);
  });
});

describe('Chips', () => {
  it('shows what does not go without saying', async () => {
    const image = { ...IMAGE, verdict: verdict('compatible') };
    const widget = await show(
      ReactWidget.create(
        <Chips image={image} trans={trans} without={['here']} />
      )
    );
    const chips = [...widget.node.querySelectorAll('.jp-GpuContainers-chip')];
    expect(chips.map(({ textContent }) => textContent)).toEqual(['Runs here']);
    expect((chips[0] as HTMLElement).dataset.rating).toBe('compatible');
  });
});

describe('formatSize', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [999_600, '1 MB'],
    [8.94 * GB, '8.9 GB'],
    [123.4 * GB, '123 GB'],
    [2000 * GB, '2 TB']
  ])('says of %d bytes: %s', (bytes, text) => {
    expect(formatSize(bytes)).toBe(text);
  });
});
