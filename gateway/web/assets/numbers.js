/**
 * Amounts as people type them: in the digits and with the signs of their language.
 */

import { decimalSign } from './words.js';

/** As many digits are kept by everybody who reads a number. */
const MOST_DIGITS = 15;

/**
 * Reads a number; `inexact` is one that would not come back as it was typed: an account's or a telephone's.
 * @param {string} typed
 * @returns {number | 'none' | 'inexact'}
 */
export function numberFrom(typed) {
  const plain = typed.normalize('NFKC').replace(/[\s'’٬_\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g, '').replace(/\u2212/g, '-').replace(/٫/g, '.')
    .replace(/\p{Nd}/gu, (digit) => String(digitOf(digit)));
  if (!/^[+-]?(?:\d[\d.,]*|[.,]\d+)$/.test(plain)) return 'none';
  const bare = withPoint(plain);
  if (bare === undefined) return 'none';
  const digits = bare.replace(/^[+-]/, '');
  if (/^0\d/.test(digits) || digits.replace('.', '').replace(/^0+/, '').length > MOST_DIGITS) return 'inexact';
  return Number(bare);
}

/** The value of a digit of any script: they stand ten in a row. @param {string} digit */
function digitOf(digit) {
  const code = digit.codePointAt(0) ?? 0;
  let zero = code;
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero -= 1;
  return code - zero;
}

/** Writes a number with a point, and without the signs that group its digits; nothing where these are in disorder. @param {string} number */
function withPoint(number) {
  const signs = number.replace(/[^.,]/g, '');
  if (!signs) return number;
  const last = /** @type {string} */ (signs.at(-1));
  const groups = /^[+-]?\d{1,3}([.,])\d{3}(?:\1\d{3})*$/.test(number);
  // One sign of one kind before three digits: a group, unless it is what the language writes before decimals.
  if (groups && (signs.length > 1 || last !== decimalSign())) return number.replace(/[.,]/g, '');
  const other = last === '.' ? ',' : '.';
  if (signs.slice(0, -1).includes(last)) return undefined;
  const [whole, decimals] = number.split(last);
  if (whole.includes(other) && !/^[+-]?\d{1,3}(?:[.,]\d{3})+$/.test(whole)) return undefined;
  return decimals ? `${whole.replace(/[.,]/g, '') || '0'}.${decimals}` : undefined;
}
