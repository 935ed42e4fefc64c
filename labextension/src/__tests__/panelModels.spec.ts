// What the panel's words and rows are made of.
import { hintParts, commandsOf } from '../model/hints';
import { boards, shares } from '../model/gpuRows';
import { matching } from '../model/imageFilter';
import { SectionsModel } from '../model/sections';
import { GIB, GPU, HOLDER, IMAGE } from './screen';

describe('hints', () => {
  it('are sentences with commands between backticks', () => {
    expect(hintParts('Run `a b`, or `c`.')).toEqual([
      { text: 'Run ', isCommand: false },
      { text: 'a b', isCommand: true },
      { text: ', or ', isCommand: false },
      { text: 'c', isCommand: true },
      { text: '.', isCommand: false }
    ]);
    expect(commandsOf('Run `a b`, or `c`.')).toEqual(['a b']);
    expect(hintParts('')).toEqual([]);
  });
});

describe('boards()', () => {
  it('keep their order, and take in their instances', () => {
    const instance = { ...GPU, parent_uuid: 'GPU-1', mig_profile: '1g.10gb' };
    const found = boards([
      { ...GPU, uuid: 'GPU-0' },
      { ...instance, uuid: 'MIG-1' },
      GPU,
      { ...instance, uuid: 'MIG-2' }
    ]);
    expect(found.map(({ id }) => id)).toEqual(['GPU-0', 'GPU-1']);
    expect(found[1].whole).toEqual(GPU);
    expect(found[1].instances.map(({ uuid }) => uuid)).toEqual([
      'MIG-1',
      'MIG-2'
    ]);
  });
});

describe('shares()', () => {
  const gpu = (memory_used: number, ...memories: (number | null)[]) => ({
    ...GPU,
    memory_used,
    holders: memories.map(memory => ({ ...HOLDER, memory_used: memory }))
  });
  const of = (given: typeof GPU) =>
    shares(given).map(({ holder, memory }) => [holder !== null, memory]);

  it('give the only holder everything where nobody can say', () => {
    expect(of(gpu(5 * GIB, null))).toEqual([[true, 5 * GIB]]);
  });

  it('leave the rest to nobody', () => {
    expect(of(gpu(5 * GIB, 2 * GIB, GIB))).toEqual([
      [true, 2 * GIB],
      [true, GIB],
      [false, 2 * GIB]
    ]);
    expect(of(gpu(2 * GIB, 2 * GIB))).toEqual([[true, 2 * GIB]]);
    expect(of(gpu(GIB))).toEqual([[false, GIB]]);
    expect(of(gpu(0))).toEqual([]);
  });
});

describe('matching()', () => {
  it.each([
    ['', true],
    ['  ', true],
    ['PYTORCH', true],
    ['cuda 13', true],
    ['nvcr.io py3', true],
    ['python r', true],
    ['tensorflow', false],
    ['pytorch tensorflow', false]
  ])('finds an image by all of %p: %p', (query, isFound) => {
    expect(matching([IMAGE], query)).toHaveLength(isFound ? 1 : 0);
  });
});

describe('SectionsModel', () => {
  it.each([null, 'images', { a: 1 }])(
    'takes what is not a list of names for nothing (%p)',
    async found => {
      const model = new SectionsModel({
        fetch: () => Promise.resolve(found),
        save: () => Promise.resolve()
      });
      await model.restore();
      expect(model.isOpen('images')).toBe(true);
    }
  );

  it('tells nobody once it is disposed of', async () => {
    const model = new SectionsModel();
    let told = 0;
    model.changed.connect(() => (told += 1));
    await model.toggle('images');
    model.dispose();
    await model.toggle('images');
    expect([told, model.isDisposed]).toEqual([1, true]);
  });
});
