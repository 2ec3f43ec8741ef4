/**
 * From a link to a chat: what the link says, and one tap. Nothing is used up before that tap.
 */

import { Problem, getSession, inspectLink, joinSession } from './api.js';
import { inFrame } from './carrier.js';
import { millisecondsUntil } from './clock.js';
import { avatar, h, showScreen } from './dom.js';
import { setAgentHtml } from './html-policy.js';
import { showLoading, showNotice } from './notice.js';
import { clientIdFor, keepOrigin, linkKey, remove } from './storage.js';
import { durationOf, momentOf, say, speak } from './words.js';

/** @import { Joined, Link, Session } from '../contract.d.ts' */
/** @import { Enter } from './devices.js' */
/** @import { Matter } from './notice.js' */

/** @typedef {{ display_name?: string, passcode?: string, start_new?: boolean }} Wish */
/** @typedef {(wish: Wish, place?: Element) => Promise<void>} Join `place`: where work is shown that a guess may cost */
/** @typedef {{ joined?: Joined, startNew?: () => Promise<void>, canStartNew?: () => Promise<boolean> }} Way how one came in, how to begin anew, and whether one can */

/** Codes of refusals, and the screen that each one gets. @type {Record<string, Matter>} */
const MATTERS = {
  link_unknown: 'unknown',
  link_expired: 'expired',
  link_revoked: 'revoked',
  link_erased: 'revoked',
  link_full: 'full',
  link_used_up: 'used_up',
  link_paused: 'paused',
  too_many_attempts: 'busy',
  rate_limited: 'busy',
  blocked: 'blocked',
  link_budget_reached: 'spent',
  agent_budget_reached: 'spent',
};

/**
 * Shows what `token` leads to; who has a chat there goes straight in.
 * @param {string} token
 * @param {(session: Session, way: Way) => Promise<void>} enter
 */
export async function showLink(token, enter) {
  showLoading();
  // The words and what the link says come side by side.
  const spoken = speak();
  const key = await linkKey(token);
  const again = () => showLink(token, enter);

  /** @type {Join} */
  const join = async (wish, place) => {
    const joined = await joinAnew(token, key, wish, place);
    passcode = wish.passcode;
    keepOrigin(joined.session.id, { linkKey: key, language });
    await enter(joined.session, { joined, startNew, canStartNew });
  };
  const canStartNew = async () => (await inspectLink({ token, client_id: clientIdFor(key) })).link.state === 'open';
  const startNew = async () => {
    if (invite && !passcode) invite();
    else await join({ start_new: true, passcode });
  };
  /** @type {string | undefined} */
  let language;
  /** @type {string | undefined} kept as long as this page is open, to begin anew with it */
  let passcode;
  /** @type {(() => void) | undefined} asks for a passcode that this page does not know */
  let invite;

  try {
    const { link, your_session: mine } = await inspectLink({ token, client_id: clientIdFor(key) });
    await spoken;
    language = link.language ?? undefined;
    await speak(language);
    const returning = mine && mine.status !== 'erased' && await returnTo(mine.id, token, key);
    if (returning) keepOrigin(returning.id, { linkKey: key, language });
    const invitation = (/** @type {Wish} */ anew) => showInvitation(link, {
      join: (wish, place) => join({ ...wish, ...anew }, place),
      refused: (problem) => explain(problem, valuesOf(link), again),
      elsewhere: (joined) => enter(joined.session, { joined }),
    });
    if (returning) {
      if (link.requires_passcode) invite = () => invitation({ start_new: true });
      return await enter(returning, { startNew: link.state === 'open' ? startNew : undefined, canStartNew });
    }
    if (link.state !== 'open') {
      showNotice(link.state, valuesOf(link), canChange(link.state) ? again : undefined);
      // Perhaps it is the same person's place, in another browser.
      if (takesPlaces(link.state) && !inFrame()) {
        document.querySelector('.notice')?.append(continueButton((joined) => enter(joined.session, { joined })));
      }
      return;
    }
    invitation(mine?.status === 'erased' ? { start_new: true } : {});
  } catch (problem) {
    await spoken;
    explain(problem, {}, again);
  }
}

/**
 * Finds the chat that was begun here: by its cookie, or, where the answer to joining was lost with it, by joining again
 * as the same client. Neither begins a new one.
 * @param {string} id
 * @param {string} token
 * @param {string} key
 */
async function returnTo(id, token, key) {
  const refused = (/** @type {unknown} */ problem) => {
    if (!(problem instanceof Problem) || problem.passing) throw problem;
  };
  const kept = await getSession(id).catch(refused);
  if (kept) return kept.session;
  const joined = await joinSession({ token, client_id: clientIdFor(key) }).catch(refused);
  return joined?.session;
}

/**
 * Joins; a client id whose cookie is lost is of no more use, so it goes on with a new one.
 * @param {string} token
 * @param {string} key
 * @param {Wish} wish
 * @param {Element} [place]
 */
async function joinAnew(token, key, wish, place) {
  try {
    return await joinSession({ token, client_id: clientIdFor(key), ...wish }, place);
  } catch (problem) {
    if (!(problem instanceof Problem && problem.code === 'client_id_used')) throw problem;
    remove(key);
    return joinSession({ token, client_id: clientIdFor(key), ...wish }, place);
  }
}

/** @param {Link} link */
const valuesOf = (link) => ({ agent: link.agent_name, moment: momentOf(link.expires_at) });

/** @param {Matter} matter */
const canChange = (matter) => matter === 'full' || matter === 'paused' || matter === 'away' || matter === 'busy';

/** @param {Matter} matter */
const takesPlaces = (matter) => matter === 'full' || matter === 'used_up';

/** What is the matter where joining was refused. @param {unknown} problem */
export const matterOf = (problem) => (problem instanceof Problem && MATTERS[problem.code]) || 'away';

/**
 * @param {unknown} problem
 * @param {Record<string, string>} values
 * @param {() => void} again
 */
function explain(problem, values, again) {
  const matter = matterOf(problem);
  // Without the link's own words (a refusal of the inspection itself) two screens would have gaps.
  const told = values.moment || !['paused', 'expired'].includes(matter) ? matter : 'unknown';
  showNotice(told, values, canChange(told) ? again : undefined);
}

/**
 * @param {Link} link
 * @param {{ join: Join, refused: (problem: unknown) => void, elsewhere: Enter }} actions
 */
function showInvitation(link, { join, refused, elsewhere }) {
  document.title = link.title;
  const name = h('input', {
    id: 'name', name: 'name', type: 'text', maxlength: 80, dir: 'auto', autocomplete: 'given-name', enterkeyhint: 'go',
  });
  const passcode = link.requires_passcode && h('input', {
    id: 'passcode', name: 'passcode', type: 'password', required: true, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false',
    'aria-describedby': 'passcode-help passcode-error', enterkeyhint: 'go', dir: 'auto',
  });
  // No input method writes into a field that hides its letters.
  const reveal = passcode && h('button', {
    type: 'button', class: 'text-button', 'aria-pressed': 'false', 'aria-controls': 'passcode',
    onclick: () => {
      const isShown = passcode.type === 'text';
      passcode.type = isShown ? 'password' : 'text';
      reveal && reveal.setAttribute('aria-pressed', String(!isShown));
      passcode.focus();
    },
  }, say('join.passcode_show'));
  const error = h('p', { class: 'error', id: 'passcode-error', role: 'alert' });
  const errorOfAll = passcode ? null : error;
  const start = h('button', { type: 'submit', class: 'primary wide' }, say('join.start'));
  const place = h('div', { class: 'proof' });

  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    if (start.getAttribute('aria-disabled')) return;
    start.setAttribute('aria-disabled', 'true');
    start.textContent = say('join.starting');
    error.textContent = '';
    try {
      await join({
        display_name: name.value.trim() || undefined,
        passcode: passcode ? passcode.value.normalize('NFKC').trim() : undefined,
      }, place);
    } catch (problem) {
      const wrong = problem instanceof Problem && /^passcode_(wrong|required)$/.test(problem.code);
      const calledOff = problem instanceof Problem && problem.code === 'called_off';
      const busy = problem instanceof Problem && matterOf(problem) === 'busy';
      if (!((wrong || calledOff) && passcode || busy)) return refused(problem);
      if (busy) error.textContent = busyWords(problem);
      if (wrong && passcode) {
        error.textContent = say('join.passcode_wrong');
        passcode.setAttribute('aria-invalid', 'true');
      }
      (passcode || name).select();
      (passcode || name).focus();
    }
    start.removeAttribute('aria-disabled');
    start.textContent = say('join.start');
  };

  showScreen(
    h('main', { class: 'invitation' },
      h('header', {},
        avatar(link.agent_name),
        h('p', { class: 'from', dir: 'auto' }, link.operator_name
          ? say('join.from', { agent: link.agent_name, operator: link.operator_name })
          : link.agent_name),
        h('h1', { dir: 'auto' }, link.title),
        // Said before anything is: no setting takes it away.
        h('p', { class: 'ai' }, say('join.ai', { agent: link.agent_name })),
        h('p', { class: 'until' },
          h('time', { datetime: link.expires_at }, say('join.until', { moment: momentOf(link.expires_at) })),
          ' · ', say('join.left', { duration: durationOf(millisecondsUntil(link.expires_at)) })),
      ),
      link.description && words(link.description, link.description_html, 'description'),
      link.welcome_message && h('blockquote', {
        class: 'bubble theirs', 'aria-label': say('join.welcome_from', { agent: link.agent_name }),
      }, words(link.welcome_message, link.welcome_html)),
      h('form', { onsubmit: submit },
        passcode && h('div', { class: 'field' },
          h('label', { for: 'passcode' }, say('join.passcode')),
          passcode,
          reveal,
          h('p', { class: 'help', id: 'passcode-help' }, say('join.passcode_help')),
          error),
        h('div', { class: 'field' },
          h('label', { for: 'name' }, say('join.name'), ' ', h('span', { class: 'quiet' }, say('join.optional'))),
          name),
        errorOfAll,
        start,
        place,
        h('p', { class: 'quiet promise' }, say('join.promise'))),
      // A frame finds a chat again by its link alone.
      !inFrame() && continueButton(elsewhere),
    ),
  );
}

/** Says how long one has to wait. @param {Problem} problem */
const busyWords = ({ retryAfterMs = 0 }) =>
  `${say('notice.busy.text')} ${retryAfterMs ? say('join.wait', { duration: durationOf(retryAfterMs, true) }) : ''}`.trim();

/**
 * The agent's words, as they look in the chat.
 * @param {string} text
 * @param {string | undefined} html
 * @param {string} [className]
 */
function words(text, html, className = '') {
  const element = h('div', { class: `${className} ${html ? 'rich' : 'plain-words'}`.trim(), dir: 'auto' }, html ? null : text);
  if (html) setAgentHtml(element, html);
  return element;
}

/**
 * A way to a chat that is open on another device, for screens that lead to none.
 * @param {Enter} enter
 */
export const continueButton = (enter) => h('button', {
  type: 'button',
  class: 'quiet plain',
  onclick: () => import('./devices.js').then(
    ({ showContinue }) => showContinue(enter),
    () => showNotice('away', {}, () => location.reload())),
}, say('continue.offer'));
