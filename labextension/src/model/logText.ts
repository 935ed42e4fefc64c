// The text of a log as lines: bounded, whatever a container writes. Pure.

/** Lines that are kept; of more, the oldest go. */
export const MOST_LINES = 5000;
/** Characters that are kept of a line. */
export const LONGEST_LINE = 4000;

/** Lines of a log; the last one may not be complete yet. */
export class LogText {
  /** The lines that are kept, and what has come of the next one. */
  get lines(): readonly string[] {
    const last = shown(this._last);
    return last === '' ? this._lines : [...this._lines, last];
  }

  /** How many lines are not kept any more. */
  get dropped(): number {
    return this._dropped;
  }

  /** Add what came next. */
  add(text: string): void {
    const parts = text.split('\n');
    for (const [index, part] of parts.entries()) {
      if (index > 0) {
        this._lines.push(shown(this._last));
        this._last = '';
      }
      // what was overwritten, and what is too long, need not be kept to know what follows
      this._last = cut(this._last + part);
    }
    const surplus = this._lines.length - MOST_LINES;
    if (surplus > 0) {
      this._lines = this._lines.slice(surplus);
      this._dropped += surplus;
    }
  }

  /** Forget everything. */
  clear(): void {
    this._lines = [];
    this._last = '';
    this._dropped = 0;
  }

  private _dropped = 0;
  private _last = '';
  private _lines: string[] = [];
}

/** A line as a terminal would show it: what stands before a carriage return is overwritten. */
function shown(line: string): string {
  const ended = line.endsWith('\r') ? line.slice(0, -1) : line;
  const plain = ended.slice(ended.lastIndexOf('\r') + 1);
  return plain.length > LONGEST_LINE
    ? `${plain.slice(0, LONGEST_LINE)}…`
    : plain;
}

/** The part of a line that still counts, one more than is shown. */
function cut(line: string): string {
  const ended = line.endsWith('\r') ? line.slice(0, -1) : line;
  const begin = ended.lastIndexOf('\r') + 1;
  const plain = ended.slice(begin, begin + LONGEST_LINE + 1);
  return ended === line ? plain : `${plain}\r`;
}
