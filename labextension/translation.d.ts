// Types of translation.js, for the test of the translations.

/** A key of a string to its plural, or to null. */
export type Messages = Map<string, string | null>;

/** The content of a language's file. */
export type Translations = Record<string, string[] | Record<string, string>>;

export function languages(): [string, Translations][];
export function messages(): Messages;
export function messagesOf(file: string, text: string): Messages;
export function messagesOfSchema(schema: object): Messages;
export function problemsOf(
  translations: Translations,
  found?: Messages
): string[];
export function updated(
  translations: Translations,
  found?: Messages
): Translations;
