/**
 * After the end: why, what happens to the words, a rating, a copy, deletion; and, where the link allows it, a new chat.
 */

import { Problem } from './api.js';
import { draftKey } from './composer.js';
import { h } from './dom.js';
import { fieldControl } from './fields.js';
import { matterOf } from './join.js';
import { eraseButton, printButton, transcriptLink } from './record.js';
import { read, remove } from './storage.js';
import { unsentWords } from './unsent.js';
import { momentOf, say, sayCode } from './words.js';

/** @import { LiveSession } from './session.js' */

/**
 * @param {LiveSession} live
 * @param {() => Promise<void>} [startNew]
 * @param {() => Promise<boolean>} [canStartNew]
 */
export function ending(live, startNew, canStartNew) {
  const { session, log } = live.state;
  // Whoever said goodbye ended it, whatever they did to the link.
  const saidGoodbye = log.some((event) => event.type === 'message' && event.data.kind === 'farewell');
  const reason = saidGoodbye && session.ends_reason === 'link_revoked' ? 'agent_ended' : session.ends_reason;
  const why = sayCode('ending', reason, say('ending.title'), { agent: session.agent_name });
  const anew = h('div', { class: 'anew' });
  // Offered only where it works.
  if (startNew) {
    (canStartNew?.() ?? Promise.resolve(true)).then((can) => can && anew.append(...newChat(startNew)), () => {});
  }
  // Whoever was writing when it ended keeps the words.
  const draft = read(draftKey(live))?.trim();
  const erased = h('p', { class: 'quiet' });
  live.watch(({ session: { erase_at } }) => {
    erased.textContent = erase_at
      ? say('ending.erase_at', { moment: momentOf(erase_at) })
      : say('ending.erase_unknown');
  });
  return [
    h('p', {}, why),
    draft ? unsentWords(draft, () => remove(draftKey(live))) : '',
    erased,
    log.some(({ type }) => type === 'rated') ? h('p', {}, say('ending.thanks')) : ratingForm(live),
    h('div', { class: 'links' }, transcriptLink(live.id, 'txt'), transcriptLink(live.id, 'md'), printButton(), eraseButton(live)),
    anew,
  ];
}

/** @param {LiveSession} live */
function ratingForm(live) {
  const rating = fieldControl({ key: 'rating', type: 'rating', label: say('ending.rate') });
  const feedback = fieldControl({ key: 'feedback', type: 'text', label: say('ending.feedback'), required: false, max_length: 1000 });
  const status = h('p', { class: 'error', role: 'alert' });
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const missing = rating.check();
    rating.showError(missing);
    if (missing) return rating.focus();
    try {
      await live.end({
        rating: /** @type {number | undefined} */ (rating.value()),
        feedback: /** @type {string | undefined} */ (feedback.value()),
      });
      thank();
    } catch (problem) {
      // It was given before, from another tab.
      if (problem instanceof Problem && problem.code === 'already_rated') thank();
      else status.textContent = say('ending.rate_failed');
    }
  };
  const thank = () => {
    const thanks = h('p', { tabindex: -1 }, say('ending.thanks'));
    element.replaceWith(thanks);
    thanks.focus();
  };
  const more = h('div', { class: 'more', hidden: true }, feedback.element,
    h('button', { type: 'submit', class: 'primary' }, say('ending.send')));
  const element = h('form', {
    novalidate: true,
    onsubmit: submit,
    // The rest comes once there is something to send: first only the five stars are asked for.
    onchange: () => {
      more.hidden = false;
    },
  }, rating.element, more, status);
  return element;
}

/** @param {() => Promise<void>} startNew */
function newChat(startNew) {
  const error = h('p', { class: 'error', role: 'alert' });
  const start = h('button', {
    type: 'button',
    class: 'primary wide',
    onclick: async () => {
      if (start.getAttribute('aria-disabled')) return;
      start.setAttribute('aria-disabled', 'true');
      error.textContent = '';
      try {
        await startNew();
      } catch (problem) {
        error.textContent = say(`notice.${matterOf(problem)}.title`);
      }
      start.removeAttribute('aria-disabled');
    },
  }, say('ending.new'));
  return [start, error];
}
