// What was put away stays away, as far as the browser lets it.
import { Dismissed, DismissedStore } from '../model/dismissed';

describe('Dismissed', () => {
  beforeEach(() => window.sessionStorage.clear());

  it('is remembered when the page is loaded again, by its name', () => {
    const before = new Dismissed('deaths', window.sessionStorage);
    expect(before.has('l1 4 out_of_memory')).toBe(false);
    before.add('l1 4 out_of_memory');
    expect(before.has('l1 4 out_of_memory')).toBe(true);
    const after = new Dismissed('deaths', window.sessionStorage);
    expect(after.has('l1 4 out_of_memory')).toBe(true);
    expect(after.has('l1 6 out_of_memory')).toBe(false); // another death
    const other = new Dismissed('others', window.sessionStorage);
    expect(other.has('l1 4 out_of_memory')).toBe(false);
  });

  it('forgets the oldest', () => {
    const many = new Dismissed('deaths', window.sessionStorage);
    for (let i = 0; i < 101; i += 1) {
      many.add(`l${i}`);
    }
    const after = new Dismissed('deaths', window.sessionStorage);
    expect(['l0', 'l1', 'l100'].map(key => after.has(key))).toEqual([
      false,
      true,
      true
    ]);
  });

  it.each(['', '{', '{}', 'null', '7'])('takes nothing from %j', text => {
    window.sessionStorage.setItem('deaths', text);
    const all = new Dismissed('deaths', window.sessionStorage);
    expect(all.has('l1')).toBe(false);
    all.add('l1');
    expect(all.has('l1')).toBe(true);
  });

  it('does without a browser that keeps anything', () => {
    const refuse = () => {
      throw new DOMException('no', 'SecurityError');
    };
    const store: DismissedStore = { getItem: refuse, setItem: refuse };
    for (const each of [new Dismissed('a', store), new Dismissed('a')]) {
      each.add('l1');
      expect(each.has('l1')).toBe(true);
    }
  });
});
