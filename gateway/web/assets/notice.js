/**
 * A screen that says what is the matter, and what one can do.
 */

import { h, icon, showScreen } from './dom.js';
import { say } from './words.js';

/** @typedef {'full' | 'used_up' | 'paused' | 'expired' | 'revoked' | 'unknown' | 'away' | 'busy' | 'blocked' | 'spent' | 'elsewhere' | 'forgotten' | 'gone'} Matter */

/** @type {Record<Matter, Parameters<typeof icon>[0]>} */
const ICONS = {
  full: 'clock',
  used_up: 'check',
  paused: 'clock',
  expired: 'clock',
  revoked: 'lock',
  unknown: 'text',
  away: 'retry',
  busy: 'clock',
  blocked: 'lock',
  spent: 'clock',
  elsewhere: 'lock',
  forgotten: 'lock',
  gone: 'bin',
};

/**
 * @param {Matter} matter
 * @param {Record<string, string | number>} [values]
 * @param {() => void} [retry] where trying again may help
 */
export function showNotice(matter, values, retry) {
  document.title = say(`notice.${matter}.title`);
  showScreen(
    h('main', { class: 'notice' },
      h('span', { class: 'emblem' }, icon(ICONS[matter])),
      h('h1', {}, say(`notice.${matter}.title`)),
      h('p', {}, say(`notice.${matter}.text`, values)),
      matter === 'gone' && h('p', { class: 'quiet' }, say('notice.closing')),
      retry && h('button', { type: 'button', class: 'primary', onclick: retry }, say('notice.retry')),
    ),
  );
}

/** Says without a catalogue, in the shell's English, that the page did not come whole. */
export function showSpeechless() {
  showScreen(
    h('main', { class: 'notice' },
      h('span', { class: 'emblem' }, icon(ICONS.away)),
      h('h1', {}, 'We cannot reach the chat'),
      h('p', {}, 'Nothing is lost and nothing is used up: try again in a moment.'),
      h('button', { type: 'button', class: 'primary', onclick: () => location.reload() }, 'Try again')),
  );
}

/** Shown until the first answer is here; the shell comes with it, in English, before there is a language. */
export function showLoading() {
  const app = /** @type {HTMLElement} */ (document.getElementById('app'));
  if (app.querySelector('.loading')) return;
  app.replaceChildren(h('main', { class: 'loading', 'aria-busy': 'true' }, h('p', {}, say('page.loading'))));
}
