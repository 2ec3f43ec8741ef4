/**
 * The page's words in the reader's language; dates, durations and plurals come from the platform's `Intl`.
 */

import { serverTime } from './clock.js';

/** @import { Catalogue, Phrase } from './words-en.js' */
/** @typedef {keyof Catalogue} Word */

/** Each is loaded only where it is wanted. @type {Record<string, () => Promise<{ words: Catalogue }>>} */
const LANGUAGES = {
  ar: () => import('./words-ar.js'),
  de: () => import('./words-de.js'),
  en: () => import('./words-en.js'),
  es: () => import('./words-es.js'),
  fr: () => import('./words-fr.js'),
  ja: () => import('./words-ja.js'),
  pt: () => import('./words-pt.js'),
  zh: () => import('./words-zh.js'),
};
const RIGHT_TO_LEFT = ['ar'];

/** @type {Catalogue} */
let catalogue;
let locale = 'en';

/**
 * Chooses the language: the link's, then the browser's, then English. Where it cannot be loaded, the one before stays.
 * @param {string | null} [wanted] BCP 47
 */
export async function speak(wanted) {
  const own = (navigator.languages?.length ? navigator.languages : [navigator.language]).flatMap(readable);
  const candidates = [...readable(wanted), ...own];
  const chosen = candidates.find((tag) => base(tag) in LANGUAGES) ?? 'en';
  try {
    catalogue = (await LANGUAGES[base(chosen)]()).words;
  } catch (error) {
    if (catalogue) return;
    throw error;
  }
  // A reader's own region decides how dates look, where it is the same language.
  locale = own.find((tag) => base(tag) === base(chosen)) ?? chosen;
  document.documentElement.lang = chosen;
  document.documentElement.dir = RIGHT_TO_LEFT.includes(base(chosen)) ? 'rtl' : 'ltr';
}

/**
 * A tag as `Intl` reads it: systems add to theirs what is no part of BCP 47 (`en-US@posix`, `de_DE.UTF-8`).
 * @param {string | null | undefined} tag
 * @returns {string[]}
 */
function readable(tag) {
  const plain = (tag ?? '').replace(/_/g, '-');
  for (const candidate of [plain, plain.replace(/[^a-z0-9-].*/i, ''), plain.replace(/[^a-z].*/i, '')]) {
    try {
      return Intl.getCanonicalLocales(candidate || []);
    } catch {
      // A shorter one may do.
    }
  }
  return [];
}

/** @param {string} tag */
const base = (tag) => tag.toLowerCase().split('-')[0];

/**
 * Puts a word of the catalogue into text.
 * @param {Word} word
 * @param {Record<string, string | number>} [values] `count` chooses the plural
 * @returns {string}
 */
export function say(word, values = {}) {
  const entry = catalogue[word];
  const count = Number(values.count);
  const template = typeof entry === 'string' ? entry : formFor(count, entry);
  return template.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === 'number' ? new Intl.NumberFormat(locale).format(value) : isolated(value ?? '');
  });
}

/** Letters that run from right to left, and characters that make others do so. */
const TURNING = /[\u0590-\u08ff\u200e\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufefc]/;
const OVERRIDES = /[\u202a-\u202e\u2066-\u2069]/g;

/** Keeps a name's direction to the name: the words around it stay where they are. @param {string} name */
const isolated = (name) => (TURNING.test(name) ? `\u2068${name.replace(OVERRIDES, '')}\u2069` : name);

/**
 * The words for a code that the server chose; codes that are not in the catalogue get `otherwise`.
 * @param {string} group
 * @param {string | undefined} code
 * @param {string} otherwise
 * @param {Record<string, string | number>} [values]
 */
export function sayCode(group, code, otherwise, values) {
  const word = `${group}.${code}`;
  return word in catalogue ? say(/** @type {Word} */ (word), values) : otherwise;
}

/**
 * @param {number} count
 * @param {Exclude<Phrase, string>} forms
 */
const formFor = (count, forms) => forms[new Intl.PluralRules(locale).select(count)] ?? forms.other;

/** What the reader's language writes before decimals. */
export const decimalSign = () =>
  new Intl.NumberFormat(locale, { numberingSystem: 'latn' }).formatToParts(1.5).find(({ type }) => type === 'decimal')?.value ?? '.';

/** A number as the reader's language writes it. @param {number} value */
export const numberIn = (value) => new Intl.NumberFormat(locale, { maximumFractionDigits: 15 }).format(value);

/** A moment, whole. @param {string | Date} moment */
export const wholeMoment = (moment) =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'medium' }).format(new Date(moment));

/** A time of day. @param {string | Date} moment */
export const timeOf = (moment) => new Intl.DateTimeFormat(locale, { timeStyle: 'short' }).format(new Date(moment));

/** A moment, with its day unless it is today. @param {string} moment RFC 3339 */
export function momentOf(moment) {
  const date = new Date(moment);
  const day = daysFromToday(date);
  if (day === 0) return timeOf(date);
  if (Math.abs(day) === 1) return `${relativeDay(day)}, ${timeOf(date)}`;
  return new Intl.DateTimeFormat(locale, {
    weekday: 'short', day: 'numeric', month: 'long', hour: 'numeric', minute: '2-digit',
  }).format(date);
}

/** A day, as people say it. @param {string} moment RFC 3339 */
export function dayOf(moment) {
  const date = new Date(moment);
  const day = daysFromToday(date);
  if (day === 0 || day === -1) return relativeDay(day);
  return new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' }).format(date);
}

/** @param {Date} date */
function daysFromToday(date) {
  const midnight = (/** @type {Date} */ of) => Date.UTC(of.getFullYear(), of.getMonth(), of.getDate());
  return (midnight(date) - midnight(new Date(serverTime()))) / 86_400_000;
}

/** @param {number} day */
const relativeDay = (day) => new Intl.RelativeTimeFormat(locale, { numeric: 'auto' }).format(day, 'day');

/**
 * A length of time in its largest unit, rounded up.
 * @param {number} milliseconds
 * @param {boolean} [exact] to the second, below a minute
 */
export function durationOf(milliseconds, exact) {
  // Clocks differ by moments, which add no minute.
  if (milliseconds < 55_000 && milliseconds > 0 && exact) return amount(Math.ceil(milliseconds / 1000), 'second');
  const minutes = Math.max(1, Math.ceil(milliseconds / 60_000 - 0.1));
  if (minutes < 120) return amount(minutes, 'minute');
  if (minutes < 48 * 60) return amount(Math.round(minutes / 60), 'hour');
  return amount(Math.round(minutes / 1440), 'day');
}

/**
 * @param {number} count
 * @param {string} unit
 */
const amount = (count, unit) =>
  new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' }).format(count);

/** A plain calendar date (`YYYY-MM-DD`). @param {string} date */
export const calendarDate = (date) =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }).format(new Date(`${date}T00:00:00Z`));
