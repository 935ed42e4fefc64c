// Time that a test moves, and what is asked for in it.
import { FakeServer } from './fakes';

/** Move time in each test of a file. */
export function useFakeTime(): void {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
  });

  afterEach(() => {
    jest.useRealTimers();
  });
}

/** Requests with their times in milliseconds. */
export class Log {
  constructor(private readonly _server: FakeServer) {
    this._from = Date.now();
    this._first = _server.requests.length;
  }

  /** What was asked since, one a line: "GET gpus". */
  get what(): string[] {
    return this._server.requests.slice(this._first).map(({ what }) => what);
  }

  /** Milliseconds between requests one after the other. */
  get gaps(): number[] {
    const times = this._server.times.slice(this._first);
    return times.map((time, index) => time - (times[index - 1] ?? this._from));
  }

  private _first: number;
  private _from: number;
}

/** Let time pass, and what is due be done. */
export async function pass(milliseconds: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(milliseconds);
}
