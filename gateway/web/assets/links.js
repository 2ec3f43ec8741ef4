/**
 * Addresses in plain words: of pages, of mailboxes, of telephones. The server finds them in what agents write by the same rules
 * (`gateway/events/src/links.rs`), and one list of examples holds both.
 */

import { h } from './dom.js';

/** What no address holds: blanks, quotes, and the letters and signs of languages that write no blank behind an address. */
const NOT_IN_IT = '\\s<>"«»،؛؟۔։।॥\\u0e00-\\u0eff\\u1000-\\u11ff\\u1362-\\u1368\\u1780-\\u17ff\\u2000-\\u206f\\u2e80-\\ua4cf\\uac00-\\ufaff\\ufe10-\\ufe4f\\uff00-\\uffef';
const HOST = '[a-z0-9\\u00df-\\u024f\\u0370-\\u052f-]+';
const KNOWN = '(?:com|org|net|edu|gov|info|app|dev|eu|de|at|ch|fr|nl|es|pt|uk|jp|cn|kr|br|example)';
const ANY_CASE = (/** @type {string} */ letters) => letters.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
const HOST_OF_ANY_CASE = HOST.replace('a-z', 'a-zA-Z');
const ADDRESS = new RegExp([
  `(${ANY_CASE('http')}[sS]?://[^${NOT_IN_IT}]+|${ANY_CASE('www')}\\.${HOST_OF_ANY_CASE}\\.[^${NOT_IN_IT}]+)`,
  `([a-zA-Z0-9._%+'-]+@${HOST_OF_ANY_CASE}(?:\\.${HOST_OF_ANY_CASE})+)`,
  `((?:${HOST}\\.)+${KNOWN}\\b(?::[0-9]+)?(?:[/?#][^${NOT_IN_IT}]*)?)`,
  '(\\+[0-9](?:[-./ \\u00a0()]{0,3}[0-9]){7,14}|\\(?0[0-9](?:[-/ \\u00a0()]{0,3}[0-9]){6,13}'
    + '|(?:\\([2-9][0-9]{2}\\) ?|[2-9][0-9]{2}[-. ])[2-9][0-9]{2}[-. ][0-9]{4})',
].join('|'), 'g');
/** A day, in the ways in which it could be taken for a number. */
const DAY = /^[0-9]{1,2}[-/ ][0-9]{1,2}[-/ ][0-9]{4}/;
const OPENING = /** @type {Record<string, string>} */ ({ ')': '(', ']': '[', '}': '{' });

/**
 * Gives a text as parts: words, and links where there are addresses.
 * @param {string} text
 * @returns {(string | HTMLElement)[]}
 */
export function withLinks(text) {
  /** @type {(string | HTMLElement)[]} */
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(ADDRESS)) {
    const link = linkOf(text, found);
    if (!link) continue;
    parts.push(text.slice(at, link.start),
      h('a', { href: link.href, target: '_blank', rel: 'noopener noreferrer nofollow' }, text.slice(link.start, link.end)));
    at = link.end;
  }
  return [...parts, text.slice(at)];
}

/**
 * @param {string} text
 * @param {RegExpMatchArray} found
 * @returns {{ start: number, end: number, href: string } | undefined}
 */
function linkOf(text, found) {
  const [address, page, mailbox, host] = found;
  const start = found.index ?? 0;
  const before = text[start - 1] ?? '';
  const behind = text[start + address.length] ?? '';
  if (/[a-zA-Z0-9]/.test(before) || (!page && before && '@_-/.'.includes(before))) return undefined;
  if (page) {
    const bare = withoutEnd(page);
    const [, authority] = /^(?:\w+:\/\/)?([^/?#]*)/.exec(bare) ?? [];
    // Whom it names before the host is there to look like one.
    if (!authority || authority.includes('@')) return undefined;
    return { start, end: start + bare.length, href: /^http/i.test(bare) ? bare : `https://${bare}` };
  }
  if (mailbox) {
    const lead = mailbox.length - mailbox.replace(/^[.']+/, '').length;
    const bare = withoutEnd(mailbox.slice(lead)).replace(/-+$/, '');
    return { start: start + lead, end: start + lead + bare.length, href: `mailto:${bare}` };
  }
  if (host) {
    if (behind === '@' || behind === '(') return undefined;
    const bare = withoutEnd(host);
    return { start, end: start + bare.length, href: `https://${bare}` };
  }
  if (/[a-zA-Z0-9]/.test(behind) || isNoNumber(text.slice(0, start), address)) return undefined;
  return { start, end: start + address.length, href: `tel:${address.replace('(0)', '').replace(/[^0-9+]/g, '')}` };
}

/**
 * Whether digits are a day, a part of a longer row of digits, or a row without any sign of how one would dial it.
 * @param {string} before
 * @param {string} digits
 */
const isNoNumber = (before, digits) =>
  !/[^0-9]/.test(digits) || DAY.test(digits) || (!digits.startsWith('+') && /[0-9]/.test(lastOf(before)));

/** The last letter that is no blank; an expression would begin anew at each of many blanks. @param {string} text */
function lastOf(text) {
  let end = text.length;
  while (end && ' \u00a0'.includes(text[end - 1] ?? '')) end -= 1;
  return text[end - 1] ?? '';
}

/** Leaves out the signs at the end that belong to the sentence, and brackets that were not opened within the address. @param {string} address */
function withoutEnd(address) {
  /** @param {string} sign */
  const count = (sign) => address.split(sign).length;
  const surplus = Object.fromEntries(Object.entries(OPENING).map(([closing, opening]) => [closing, count(closing) - count(opening)]));
  let end = address.length;
  for (; end; end -= 1) {
    const last = address[end - 1] ?? '';
    if (last in surplus ? (surplus[last] ?? 0) <= 0 : !".,;:!?'*_~|…`".includes(last)) break;
    if (last in surplus) surplus[last] = (surplus[last] ?? 0) - 1;
  }
  return address.slice(0, end);
}
