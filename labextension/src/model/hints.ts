// Hints of problems: sentences with commands in them.

/** A part of a hint. */
export interface IHintPart {
  text: string;
  /** Whether it is to be typed on a command line. */
  isCommand: boolean;
}

/** A hint in parts: what stands between backticks is a command, or part of one. */
export function hintParts(hint: string): IHintPart[] {
  return hint
    .split('`')
    .map((text, index) => ({ text, isCommand: index % 2 === 1 }))
    .filter(({ text }) => text !== '');
}

/** The commands of a hint that are worth copying: those of more than one word. */
export function commandsOf(hint: string): string[] {
  return hintParts(hint)
    .filter(({ text, isCommand }) => isCommand && text.includes(' '))
    .map(({ text }) => text);
}
