// What a reader has put away: it stays away when the page is loaded again.

/** Where it is remembered; the browser's storage of a tab is one. */
export type DismissedStore = Pick<Storage, 'getItem' | 'setItem'>;

/** How many are remembered; older ones are long gone from their notebooks. */
const MOST = 100;

/** Keys of what was put away, remembered for as long as the browser's tab is there. */
export class Dismissed {
  /**
   * @param _name - of what is put away
   * @param _store - without it, or where it cannot be used, only this page remembers
   */
  constructor(
    private readonly _name: string,
    private readonly _store: DismissedStore | null = null
  ) {
    this._keys = new Set(this._read());
  }

  /** Whether this was put away. */
  has(key: string): boolean {
    return this._keys.has(key);
  }

  /** Put it away. */
  add(key: string): void {
    this._keys.delete(key); // the newest is the last
    this._keys.add(key);
    const kept = [...this._keys].slice(-MOST);
    this._keys = new Set(kept);
    try {
      this._store?.setItem(this._name, JSON.stringify(kept));
    } catch {
      // the browser keeps nothing, or has no room: this page remembers it all the same
    }
  }

  private _read(): string[] {
    try {
      const kept: unknown = JSON.parse(
        this._store?.getItem(this._name) ?? '[]'
      );
      return Array.isArray(kept)
        ? kept.filter((key): key is string => typeof key === 'string')
        : [];
    } catch {
      return []; // as if nothing was
    }
  }

  private _keys: Set<string>;
}

/** The storage of this tab; null where the browser allows none. */
export function tabStorage(): DismissedStore | null {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}
