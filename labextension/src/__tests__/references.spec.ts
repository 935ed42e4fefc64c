// Image references, taken apart as Docker does.
import {
  looksLikeReference,
  registryHost,
  splitReference,
  withTag
} from '../model/references';

describe('splitReference()', () => {
  it.each([
    ['debian', 'docker.io', 'library/debian', ''],
    ['pytorch/pytorch:2.9', 'docker.io', 'pytorch/pytorch', '2.9'],
    ['nvcr.io/nvidia/pytorch:25.08', 'nvcr.io', 'nvidia/pytorch', '25.08'],
    ['localhost/a:1', 'localhost', 'a', '1'],
    ['127.0.0.1:5000/a', '127.0.0.1:5000', 'a', ''],
    ['ghcr.io/a/b:1@sha256:00', 'ghcr.io', 'a/b', '1'],
    ['index.docker.io/library/debian', 'docker.io', 'library/debian', '']
  ])('%s', (reference, host, repository, tag) => {
    expect(splitReference(reference)).toEqual({ host, repository, tag });
    expect(registryHost(reference)).toBe(host);
  });
});

it.each([
  ['nvcr.io/nvidia/pytorch', '25.09', 'nvcr.io/nvidia/pytorch:25.09'],
  ['localhost:5000/a:1', '2', 'localhost:5000/a:2'],
  ['a@sha256:00', '2', 'a:2']
])('withTag(%s, %s) is %s', (reference, tag, expected) => {
  expect(withTag(reference, tag)).toBe(expected);
});

it.each([
  ['pytorch', false],
  ['deep learning', false],
  ['pytorch:2', true],
  ['pytorch/pytorch', true],
  ['what is a/b', false]
])('looksLikeReference(%s) is %s', (text, expected) => {
  expect(looksLikeReference(text)).toBe(expected);
});
