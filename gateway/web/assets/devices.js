/**
 * One person, several devices: a code and a picture of it carry the chat to another one, and this one can be forgotten.
 */

import { Problem, forgetDevice, offerHandoff, takeHandoff } from './api.js';
import { fill, h, showScreen } from './dom.js';
import { showNotice } from './notice.js';
import { forgetSession, uuid } from './storage.js';
import { momentOf, say } from './words.js';

/** @import { Handoff, Joined } from '../contract.d.ts' */
/** @import { LiveSession } from './session.js' */

/** @typedef {(joined: Joined) => Promise<void>} Enter shows the chat that a code opened */

const SVG = 'http://www.w3.org/2000/svg';
/** Free squares around a QR code, without which cameras do not see it. */
const QUIET_ZONE = 4;

/**
 * Gives up this device's way into the chat, and whatever is kept of it here; throws where the server does not know yet.
 * @param {LiveSession} live
 */
export async function forgetHere(live) {
  try {
    await forgetDevice(live.id);
  } catch (problem) {
    // Out of reach already: then only this device has anything to forget.
    if (!(problem instanceof Problem && problem.isFinal)) throw problem;
  }
  live.stop();
  forgetSession(live.id);
  showNotice('forgotten');
}

/**
 * Shows a new code until it is closed; the one before it is void.
 * @param {LiveSession} live
 */
export async function showHandoff(live) {
  const shut = new AbortController();
  const content = h('div', { 'aria-live': 'polite' }, h('p', { 'aria-busy': 'true' }, say('page.loading')));
  const dialog = h('dialog', {
    class: 'handoff',
    'aria-labelledby': 'handoff-title',
    // Escape closes this, and not what is around it.
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      dialog.close();
    },
    onclose: () => {
      dialog.remove();
      shut.abort();
    },
  },
  h('h2', { id: 'handoff-title' }, say('menu.handoff')),
  content,
  h('button', { type: 'button', class: 'primary wide', onclick: () => dialog.close() }, say('handoff.close')));
  document.body.append(dialog);
  dialog.showModal();
  live.closed.addEventListener('abort', () => dialog.close(), { signal: shut.signal });
  try {
    fill(content, ...codeOf(await offerHandoff(live.id)));
  } catch (problem) {
    const over = problem instanceof Problem && problem.code === 'handoff_limit_reached';
    fill(content, h('p', { role: 'alert' }, say(over ? 'handoff.too_many' : 'handoff.failed')));
  }
}

/** @param {Handoff} handoff */
function codeOf({ code, url, expires_at: until, qr }) {
  const spaced = `${code.slice(0, 4)}-${code.slice(4)}`;
  return [
    h('p', {}, say('handoff.scan')),
    picture(qr),
    h('p', {}, say('handoff.type', { address: addressOf(url) })),
    // Letter by letter, as it is copied.
    h('p', { class: 'code', dir: 'ltr' }, h('span', { 'aria-hidden': 'true' }, spaced),
      h('span', { class: 'unseen' }, [...code].join(' '))),
    h('p', { class: 'quiet' }, say('handoff.until', { moment: momentOf(until) })),
  ];
}

/** What a person types of an address. @param {string} url */
function addressOf(url) {
  const { host, pathname } = new URL(url);
  return host + pathname;
}

/** @param {Handoff['qr']} qr */
function picture({ size, path }) {
  if (!size) return null;
  const side = size + 2 * QUIET_ZONE;
  const svg = document.createElementNS(SVG, 'svg');
  const ground = document.createElementNS(SVG, 'rect');
  const squares = document.createElementNS(SVG, 'path');
  svg.setAttribute('viewBox', `${-QUIET_ZONE} ${-QUIET_ZONE} ${side} ${side}`);
  svg.setAttribute('class', 'qr');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', say('handoff.picture'));
  svg.setAttribute('shape-rendering', 'crispEdges');
  // Dark on light in dark mode too: many cameras read it no other way.
  for (const [name, value] of Object.entries({ x: -QUIET_ZONE, y: -QUIET_ZONE, width: side, height: side, fill: '#fff' })) {
    ground.setAttribute(name, String(value));
  }
  squares.setAttribute('d', path);
  squares.setAttribute('fill', '#000');
  svg.append(ground, squares);
  return svg;
}

/**
 * Takes a code from another device; nothing is used up before the tap.
 * @param {Enter} enter
 * @param {string} [given] the code, where the address had it
 */
export function showContinue(enter, given = '') {
  document.title = say('continue.title');
  // The same for every try from here: an answer that was lost is given again.
  const clientId = uuid();
  const error = h('p', { class: 'error', id: 'code-error', role: 'alert' });
  const code = h('input', {
    id: 'code', name: 'code', type: 'text', required: true, maxlength: 20, dir: 'ltr', autocomplete: 'one-time-code',
    autocapitalize: 'characters', spellcheck: 'false', enterkeyhint: 'go', 'aria-describedby': 'code-help code-error',
  });
  code.value = given;
  const start = h('button', { type: 'submit', class: 'primary wide' }, say('continue.start'));
  const place = h('div', { class: 'proof' });
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (start.getAttribute('aria-disabled')) return;
    start.setAttribute('aria-disabled', 'true');
    error.textContent = '';
    try {
      return await enter(await takeHandoff({ client_id: clientId, handoff_code: code.value }, place));
    } catch (problem) {
      if (!(problem instanceof Problem && problem.code === 'called_off')) {
        error.textContent = say(wordFor(problem));
        code.setAttribute('aria-invalid', 'true');
      }
      code.select();
      code.focus();
    }
    start.removeAttribute('aria-disabled');
  };
  showScreen(
    h('main', { class: 'invitation' },
      h('header', {}, h('h1', {}, say('continue.title'))),
      h('p', { class: 'description' }, say('continue.text')),
      h('form', { onsubmit: submit },
        h('div', { class: 'field' },
          h('label', { for: 'code' }, say('continue.code')),
          code,
          h('p', { class: 'help', id: 'code-help' }, say('continue.help')),
          error),
        start,
        place)),
  );
}

/** @param {unknown} problem */
function wordFor(problem) {
  if (!(problem instanceof Problem)) return 'notice.away.text';
  if (problem.status === 429) return 'notice.busy.text';
  return problem.passing ? 'notice.away.text' : 'continue.wrong';
}
