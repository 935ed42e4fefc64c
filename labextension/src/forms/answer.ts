// A question to the server, for as long as its component asks the same.
import * as React from 'react';
import { toProblem } from '../client/requests';
import { IProblem } from '../client/wire';

/** What came of a question so far. */
export interface IAnswer<T> {
  value: T | null;
  problem: IProblem | null;
  isLoading: boolean;
}

const NOTHING = { value: null, problem: null, isLoading: false };

/**
 * Ask, and ask again when the key changes; answers to earlier questions are dropped.
 *
 * @param key - what is asked for; empty = nothing
 */
export function useAnswer<T>(key: string, ask: () => Promise<T>): IAnswer<T> {
  const [answer, setAnswer] = React.useState<IAnswer<T> & { key: string }>({
    ...NOTHING,
    key: ''
  });
  React.useEffect(() => {
    let isCurrent = key !== '';
    const settle = (outcome: Partial<IAnswer<T>>) => {
      if (isCurrent) {
        setAnswer({ ...NOTHING, ...outcome, key });
      }
    };
    if (isCurrent) {
      ask().then(
        value => settle({ value }),
        (reason: unknown) => settle({ problem: toProblem(reason) })
      );
    }
    return () => {
      isCurrent = false;
    };
  }, [key]);
  if (answer.key === key) {
    return answer;
  }
  return { ...NOTHING, isLoading: key !== '' };
}

/**
 * A value once it has not changed for a while; at first it is the value itself.
 *
 * @param pause - in milliseconds
 * @returns the value, and a way to wait no longer: false where nothing was waited for
 */
export function useSettled(
  value: string,
  pause: number
): [string, () => boolean] {
  const [settled, setSettled] = React.useState(value);
  React.useEffect(() => {
    const timer = setTimeout(() => setSettled(value), pause);
    return () => clearTimeout(timer);
  }, [value, pause]);
  return [
    settled,
    () => {
      setSettled(value);
      return settled !== value;
    }
  ];
}
