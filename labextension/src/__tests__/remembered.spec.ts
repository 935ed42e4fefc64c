// What notebooks remember: read from anybody's, written without anything that others must not see.
import { IImage } from '../client/wire';
import { ICatalogueEntry } from '../client/wireImages';
import { isReference, isSameReference, withDigest } from '../model/references';
import {
  isSameEnvironment,
  locate,
  looksLikeEnvironment,
  profileOf,
  nameHere,
  readRemembered,
  rememberEnvironment,
  toMetadata
} from '../model/remembered';
import * as samples from './references.json';
import { IMAGE } from './screen';

const DIGEST = `sha256:${'a'.repeat(64)}`; // of IMAGE
const OTHER = `sha256:${'b'.repeat(64)}`;
const GOOD = {
  image: 'nvcr.io/nvidia/pytorch:25.08-py3',
  digest: DIGEST,
  kernel: 'python3',
  gpus: 1
};

// of Node, in which these tests run
declare const process: { cpuUsage(): { user: number; system: number } };

/** Milliseconds of a processor that this process took; others do not make it slower. */
function busy(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

describe('references', () => {
  it.each(samples.references)('%s is one', text => {
    expect(isReference(text)).toBe(true);
  });

  it.each(samples.others)('%j is none', text => {
    expect(isReference(text)).toBe(false);
  });

  it('are compared as registries do', () => {
    const name = 'docker.io/library/debian:latest';
    expect(isSameReference('debian', name)).toBe(true);
    expect(isSameReference('index.docker.io/library/debian', name)).toBe(true);
    expect(isSameReference('debian:12', name)).toBe(false);
    expect(isSameReference('localhost:5000/debian', name)).toBe(false);
    expect(isSameReference(`debian@${DIGEST}`, name)).toBe(false);
  });

  it('get a digest in place of their tag', () => {
    expect(withDigest('localhost:5000/a/b:1', DIGEST)).toBe(
      `localhost:5000/a/b@${DIGEST}`
    );
    expect(withDigest(`a@${OTHER}`, DIGEST)).toBe(`a@${DIGEST}`);
  });
});

describe('readRemembered', () => {
  it('reads what was written, and nothing else of it', () => {
    const more = { ...GOOD, mounts: ['/etc'], env: { TOKEN: '1' } };
    expect(readRemembered(more)).toEqual(GOOD);
    expect(readRemembered(toMetadata(GOOD))).toEqual(GOOD);
    const local = { image: GOOD.image, kernel: 'python3', gpus: 1 };
    expect(readRemembered(local)).toEqual({ ...GOOD, digest: null });
    expect(toMetadata({ ...GOOD, digest: null })).toEqual(local);
  });

  it('knows the digest of an image that is named by it', () => {
    const image = `nvcr.io/nvidia/pytorch@${DIGEST}`;
    const rest = { kernel: 'python3', gpus: 1 };
    expect(readRemembered({ ...rest, image })?.digest).toBe(DIGEST);
    expect(readRemembered({ ...GOOD, image, digest: OTHER })).toBeNull();
  });

  const wrong: [string, unknown][] = [
    ...[undefined, null, 1, true, '', 'pytorch:1', [], [GOOD], {}].map(
      value => ['whole', value] as [string, unknown]
    ),
    ...samples.others.map(
      image => ['image', { ...GOOD, image }] as [string, unknown]
    ),
    ...[1, null, [], ['a:1'], {}, { toString: () => 'a:1' }].map(
      image => ['image', { ...GOOD, image }] as [string, unknown]
    ),
    ...[
      '',
      'sha256:',
      `${DIGEST}\n`,
      `sha256:${'A'.repeat(64)}`,
      `md5:${'a'.repeat(32)}`,
      `${DIGEST}/../..`,
      '<b>',
      1,
      [DIGEST],
      {}
    ].map(digest => ['digest', { ...GOOD, digest }] as [string, unknown]),
    ...[
      '',
      '../python3',
      'a b',
      '<script>alert(1)</script>',
      'k'.repeat(101),
      'python3\n',
      3,
      null,
      ['python3']
    ].map(kernel => ['kernel', { ...GOOD, kernel }] as [string, unknown]),
    ...[-1, 0.5, NaN, Infinity, 1e9, '1', null, [1], {}].map(
      gpus => ['gpus', { ...GOOD, gpus }] as [string, unknown]
    )
  ];

  it.each(wrong)('takes no %s like %j', (_, value) => {
    expect(readRemembered(value)).toBeNull();
  });

  it('takes nothing that is inherited', () => {
    expect(readRemembered(Object.create(GOOD))).toBeNull();
  });

  it('is quick with what is huge', () => {
    const image = `${'a'.repeat(1 << 20)}:${'-'.repeat(1 << 20)}`;
    const before = busy();
    expect(readRemembered({ ...GOOD, image })).toBeNull();
    const dashes = `${'a-'.repeat(250)}!`; // just short enough for the pattern
    expect(readRemembered({ ...GOOD, image: dashes })).toBeNull();
    const dots = `${'a.'.repeat(250)}!`;
    expect(readRemembered({ ...GOOD, image: dots })).toBeNull();
    expect(busy() - before).toBeLessThan(1000);
  });
});

describe('rememberEnvironment', () => {
  it('says image, digest, kernel and GPUs', () => {
    expect(rememberEnvironment({ ...GOOD, gpu_profile: '1g.10gb' })).toEqual(
      GOOD
    );
    expect(rememberEnvironment({ ...GOOD, digest: undefined })?.digest).toBe(
      null
    );
  });

  it('says nothing of what has no name elsewhere', () => {
    expect(rememberEnvironment(null)).toBeNull();
    expect(rememberEnvironment({ ...GOOD, image: DIGEST })).toBeNull();
    expect(rememberEnvironment({ ...GOOD, kernel: undefined })).toBeNull();
  });

  it('can be compared', () => {
    expect(isSameEnvironment(GOOD, { ...GOOD })).toBe(true);
    for (const other of [
      null,
      { ...GOOD, digest: null },
      { ...GOOD, digest: OTHER },
      { ...GOOD, image: 'a:1' },
      { ...GOOD, kernel: 'ir' },
      { ...GOOD, gpus: 2 }
    ]) {
      expect(isSameEnvironment(GOOD, other)).toBe(false);
    }
  });
});

describe('locate', () => {
  const local: IImage = { ...IMAGE, digests: [] };
  const newer: IImage = {
    ...IMAGE,
    digests: [`nvcr.io/nvidia/pytorch@${OTHER}`]
  };
  const renamed: IImage = {
    ...IMAGE,
    id: 'sha256:9',
    references: ['mirror.example.org/pytorch:1'],
    digests: [`mirror.example.org/pytorch@${DIGEST}`]
  };
  const entry = { reference: GOOD.image } as ICatalogueEntry;

  it('finds the very image, whatever it is called', () => {
    expect(locate(GOOD, [IMAGE], [])).toEqual({ kind: 'here', image: IMAGE });
    const found = locate(GOOD, [newer, renamed], []);
    expect(found).toEqual({ kind: 'here', image: renamed });
    expect(nameHere(GOOD, renamed)).toBe('mirror.example.org/pytorch:1');
    expect(nameHere(GOOD, { ...renamed, references: [] })).toBe('sha256:9');
    expect(nameHere(GOOD, IMAGE)).toBe(GOOD.image);
  });

  it('sees that a name was moved', () => {
    expect(locate(GOOD, [newer], []).kind).toBe('moved');
    expect(locate(GOOD, [local], []).kind).toBe('moved');
    expect(locate({ ...GOOD, digest: null }, [newer], []).kind).toBe('here');
  });

  it('knows what the catalogue knows of others', () => {
    expect(locate(GOOD, [], [entry])).toEqual({ kind: 'away', entry });
    const newer = { reference: 'nvcr.io/nvidia/pytorch:99' } as ICatalogueEntry;
    const fits = { ...newer, runs_here: GOOD.image };
    expect(locate(GOOD, [], [fits])).toEqual({
      kind: 'away',
      entry: null,
      runsHere: true
    });
    expect(locate(GOOD, [], [newer])).toEqual({ kind: 'away', entry: null });
    const other = { ...GOOD, image: 'evil.example.com/a:1' };
    expect(locate(other, [], [entry])).toEqual({ kind: 'away', entry: null });
  });
});

describe('profileOf', () => {
  it.each([
    ['a-1x1g.10gb', 'PyTorch 25.08 · 1g.10gb', '1g.10gb'],
    ['mine', 'PyTorch 25.08 · 2 × 1g.10gb+me (3)', '1g.10gb+me'],
    ['nvidia-pytorch-25.08-py3-2x3g.40gb', '', '3g.40gb'],
    ['pytorch-pytorch-latest-1x1g.10gb-me-2', '', '1g.10gb-me'],
    ['pytorch-pytorch-latest-1x1g.10gb-2', '', '1g.10gb'],
    ['nvidia-pytorch-25.08-py3-1gpu', 'PyTorch 25.08 · 1 GPU', null],
    ['python3', 'Python 3', null],
    ['', '<b>· 1g</b>', null]
  ])('%s (%s): %s', (name, title, expected) => {
    expect(profileOf(name, title)).toBe(expected);
  });

  it('is quick with what is huge', () => {
    const before = busy();
    profileOf(`-1x1g.${'1.'.repeat(1 << 16)}!`, ` · 1g.${'a'.repeat(80)}!`);
    profileOf(`${'-1x1g.1-a'.repeat(1 << 12)}!`, '');
    expect(busy() - before).toBeLessThan(1000);
  });
});

describe('looksLikeEnvironment', () => {
  it.each([
    ['nvidia-pytorch-25.08-py3-1gpu', 'PyTorch 25.08 · 1 GPU', true],
    ['pytorch-pytorch-latest-ir-cpu-2', 'PyTorch R · CPU (2)', true],
    ['pytorch-pytorch-latest-1x1g.10gb', 'PyTorch · 1g.10gb', true],
    ['python3', 'Python 3 · new', false],
    ['torch-cpu', 'My own torch', false]
  ])('%s (%s): %s', (name, title, expected) => {
    expect(looksLikeEnvironment(name, title)).toBe(expected);
  });
});
