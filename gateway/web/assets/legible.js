/**
 * Exact text made legible: what no screen shows is shown as its code, so that no two texts look alike by it.
 */

import { h } from './dom.js';

/** @import { Child } from './dom.js' */

/** What is not seen, or is seen as something else: controls, formats, separators, fillers, selectors, blanks of other kinds; and blanks at a line's end. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]|(?! )\p{Zs}| +(?=\n|$)/gu;

/**
 * @param {string} text
 * @returns {{ parts: Child[], hidden: boolean }} whether anything had to be made visible
 */
export function legible(text) {
  /** @type {Child[]} */
  const parts = [];
  let at = 0;
  let hidden = false;
  for (const { 0: found, index } of text.matchAll(UNSEEN)) {
    if (found === '\n') continue;
    parts.push(text.slice(at, index));
    parts.push(...[...found].map((character) => h('mark', {}, codeOf(character))));
    at = index + found.length;
    hidden = true;
  }
  parts.push(text.slice(at));
  return { parts, hidden };
}

/** @param {string} character */
const codeOf = (character) => (character === ' ' ? '\u2423' : `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`);

/**
 * Breaks canonical JSON into lines, and changes nothing else: neither order nor numbers, as reading and writing it would.
 * @param {string} json
 */
export function pretty(json) {
  let depth = 0;
  const line = () => `\n${'  '.repeat(depth)}`;
  return json.replace(/"(?:[^"\\]|\\.)*"|\{\}|\[\]|[{}[\],:]/g, (token) => {
    if (token === ':') return ': ';
    if (token === ',') return `,${line()}`;
    if (token === '{' || token === '[') {
      depth += 1;
      return token + line();
    }
    if (token === '}' || token === ']') {
      depth -= 1;
      return line() + token;
    }
    return token;
  });
}
