// Times of the day, as the user writes them.

/**
 * When something was or will be, in the user's time zone: "14:50", with the date where that is not
 * today's.
 *
 * @param language - a BCP 47 tag, that of the translations
 * @param at - ISO 8601
 */
export function formatTime(language: string, at: string): string {
  const date = new Date(at);
  if (isNaN(date.getTime())) {
    return at;
  }
  const isToday = date.toDateString() === new Date().toDateString();
  const day = isToday ? {} : ({ month: 'short', day: 'numeric' } as const);
  const options = { hour: 'numeric', minute: '2-digit', ...day } as const;
  return makeFormat(language, options).format(date);
}

function makeFormat(
  language: string,
  options: Intl.DateTimeFormatOptions
): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat(withRegion(language), options);
  } catch (reason) {
    if (reason instanceof RangeError) {
      // the server names the language, not always by a tag that browsers know
      return new Intl.DateTimeFormat(undefined, options);
    }
    throw reason;
  }
}

/** English is spoken with 12 hours and with 24: where the browser knows the region, it counts. */
function withRegion(language: string): string {
  const regional = navigator.languages.find(tag =>
    tag.toLowerCase().startsWith(`${language.toLowerCase()}-`)
  );
  return regional ?? language;
}
