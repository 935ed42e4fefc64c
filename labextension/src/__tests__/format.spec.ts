// Values in words.
import {
  formatMemory,
  formatDuration,
  formatShare,
  imageTitle,
  usualGpus
} from '../model/format';
import { IVerdict } from '../client/wireImages';
import { GIB, IMAGE, trans } from './screen';

describe('format', () => {
  it.each([
    [0, '0 B'],
    [512, '512 B'],
    [329 * 1024 ** 2, '329 MB'],
    [1023.9 * 1024 ** 2, '1 GB'],
    [12.14 * GIB, '12.1 GB'],
    [141 * GIB, '141 GB']
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatMemory(bytes)).toBe(text);
  });

  it('gives a share in one unit', () => {
    expect(formatShare(trans, 512 * 1024 ** 2, 80 * GIB)).toBe('0.5 of 80 GB');
  });

  it.each([
    [IMAGE, 'PyTorch 25.08'],
    [{ ...IMAGE, framework: { name: 'RAPIDS', version: null } }, 'RAPIDS'],
    [{ ...IMAGE, framework: null }, 'pytorch 25.08-py3'],
    [{ ...IMAGE, framework: null, references: ['lab/r:latest'] }, 'r'],
    [{ ...IMAGE, framework: null, references: [] }, 'sha256:1']
  ])('calls an image by its name (%#)', (image, title) => {
    expect(imageTitle(image)).toBe(title);
  });

  it.each([
    [0.2, '1 s'],
    [59, '59 s'],
    [90, '2 min'],
    [3900, '1 h 5 min']
  ])('%d seconds are %s', (seconds, text) => {
    expect(formatDuration(trans, seconds)).toBe(text);
  });

  const cpu: IVerdict = { verdict: 'cpu', gpus: [], reasons: [] };
  const plain = { ...IMAGE, cuda: null, framework: null };
  it.each([
    ['has CUDA', { ...IMAGE, verdict: cpu }, 1],
    ['was looked into and has nothing', plain, 0],
    ['was not looked into', { ...plain, kernels: null }, 1],
    ['was only judged', { ...plain, kernels: null, verdict: cpu }, 0]
  ])('gives an image that %s its usual GPUs', (_, image, gpus) => {
    expect(usualGpus(image)).toBe(gpus);
  });
});
