/**
 * Where the chatter writes. Enter sends, unless it completes a word of an input method; a draft outlives the page.
 */

import { announce, h, icon } from './dom.js';
import { read, remove, sessionPrefix, write } from './storage.js';
import { unlogged } from './store.js';
import { say } from './words.js';

/** @import { LiveSession } from './session.js' */
/** @import { State } from './store.js' */

/** From here on the counters are shown. */
const FEW_CHARACTERS = 200;
const FEW_MESSAGES = 5;

const byTouch = () => matchMedia('(pointer: coarse)').matches;

/** Where what is being written is kept. @param {LiveSession} live */
export const draftKey = (live) => `${sessionPrefix(live.id)}draft`;

/** @param {LiveSession} live */
export function composer(live) {
  const key = draftKey(live);
  const most = live.state.session.limits.max_message_chars;
  const text = h('textarea', {
    id: 'message', rows: 1, dir: 'auto', enterkeyhint: byTouch() ? 'enter' : 'send', autocomplete: 'off',
    placeholder: say('composer.placeholder'), 'aria-label': say('composer.label'), 'aria-describedby': 'composer-note',
    oninput: () => {
      changed();
      if (text.value.trim()) live.signals.typing();
    },
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      // 229: Safari ends a composition before it reports the Enter that ended it.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
      // A keyboard on a screen has no other key for a new line.
      if (byTouch() && !event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      send();
    },
    onpaste: (/** @type {ClipboardEvent} */ event) => refuseFiles(event, event.clipboardData),
    ondrop: (/** @type {DragEvent} */ event) => refuseFiles(event, event.dataTransfer),
  });
  const button = h('button', { type: 'submit', class: 'round send', 'aria-label': say('composer.send') }, icon('send'));
  const note = h('p', { class: 'note', id: 'composer-note' });
  const element = h('form', {
    class: 'composer',
    onsubmit: (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      send();
    },
    // A tap on the button leaves the keyboard where it is.
    onpointerdown: (/** @type {PointerEvent} */ event) => {
      if (button.contains(/** @type {Node} */ (event.target))) event.preventDefault();
    },
  }, note, h('div', { class: 'line' }, text, button));

  /** @type {State} */
  let state = live.state;
  /** What is said of a file that was not taken. */
  let refused = '';
  const length = () => [...text.value.trim()].length;
  const messagesLeft = () => state.session.messages_left - unlogged(state).filter((entry) => entry.message).length;
  const sendable = () => length() > 0 && length() <= most && messagesLeft() > 0;

  function send() {
    if (!sendable()) return;
    live.send(text.value.trim());
    text.value = '';
    changed();
    text.focus();
  }

  /**
   * Says that a picture or another file cannot be sent.
   * @param {Event} event
   * @param {DataTransfer | null} data
   */
  function refuseFiles(event, data) {
    if (!data?.files.length) return;
    event.preventDefault();
    refused = say('composer.no_files');
    describe();
    announce(refused);
  }

  function changed() {
    refused = '';
    if (text.value) write(key, text.value);
    else remove(key);
    text.style.height = 'auto';
    text.style.height = `${text.scrollHeight}px`;
    describe();
  }

  function describe() {
    const words = refused || noteFor(most - length(), messagesLeft(), state);
    note.classList.toggle('error', Boolean(refused) || length() > most);
    if (note.textContent !== words) note.textContent = words;
    note.hidden = !words;
    text.setAttribute('aria-invalid', String(length() > most));
    button.setAttribute('aria-disabled', String(!sendable()));
  }

  text.value = read(key) ?? '';
  return {
    element,
    focus: () => text.focus({ preventScroll: true }),
    /** @param {State} next */
    update: (next) => {
      state = next;
      // Measured once it is on the page.
      if (!text.style.height) changed();
      else describe();
    },
  };
}

/**
 * @param {number} charactersLeft
 * @param {number} messagesLeft
 * @param {State} state
 */
function noteFor(charactersLeft, messagesLeft, { session }) {
  if (charactersLeft < 0) return say('composer.too_long', { count: -charactersLeft });
  if (messagesLeft <= 0) return say('composer.none_left', { agent: session.agent_name });
  if (charactersLeft < FEW_CHARACTERS) return say('composer.characters_left', { count: charactersLeft });
  if (messagesLeft <= FEW_MESSAGES) return say('composer.messages_left', { count: messagesLeft });
  return session.status === 'idle' ? say('composer.idle') : '';
}
