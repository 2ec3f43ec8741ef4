/**
 * What the conversation shows, from the state: day marks, messages, notes and question cards, each with a stable key.
 */

import { serverTime } from './clock.js';
import { announce, cardPlace, h, icon } from './dom.js';
import { setAgentHtml } from './html-policy.js';
import { withLinks } from './links.js';
import { answersOf, readByAgent, unlogged } from './store.js';
import { dayOf, durationOf, momentOf, say, sayCode, timeOf, wholeMoment } from './words.js';

/** @import { Answered, ChatEvent, EventOf, MessageData, Pending } from '../contract.d.ts' */
/** @import { LiveSession } from './session.js' */
/** @import { State } from './store.js' */

/**
 * @typedef {object} Entry
 * @property {string} key
 * @property {string} version changes whenever `update` has something to do
 * @property {MessageData['from']} [from] of messages and questions
 * @property {() => HTMLElement} make
 * @property {(element: HTMLElement) => void} [update]
 */

/** What draws questions: fetched with the first of them. @type {typeof import('./question.js') | undefined} */
let cards;

/** Whether there is a question other than a decision, and nothing yet that draws it. @param {State} state */
export const lacksCards = ({ log }) => !cards && log.some((event) => event.type === 'question' && !event.data.allow);

export async function fetchCards() {
  cards = await import('./question.js');
}

/** Messages of one side within this time stand together under one time. */
const TOGETHER_MS = 3 * 60_000;
const LONG_MESSAGE = 1_600;

/**
 * All that the entries are made of: while it stays the same, so do they. Days are named from today.
 * @param {State} state
 */
export const sourcesOf = ({ log, pending, session }) =>
  [log, pending, session.agent_name, session.expires_at, session.status, new Date(serverTime()).toDateString()];

/**
 * @param {State} state
 * @param {LiveSession} live
 * @returns {Entry[]}
 */
export function entriesOf(state, live) {
  const waiting = unlogged(state);
  const lines = linesOf(state, waiting);
  const sending = new Map(waiting.flatMap((entry) => (entry.answer ? [[entry.answer.question_id, entry]] : [])));
  const answers = answersOf(state);
  const lastMine = lines.findLast((line) => line.message?.from === 'chatter');
  const read = readByAgent(state);
  /** @type {Entry[]} */
  const entries = [introduction(state)];
  let day = '';
  lines.forEach((line, index) => {
    const on = dayOf(line.at);
    if (on !== day) {
      day = on;
      entries.push(note(`day:${line.key}`, day, 'day'));
    }
    if (line.message) {
      const next = lines[index + 1];
      const last = !next?.message || next.message.from !== line.message.from
        || Date.parse(next.at) - Date.parse(line.at) > TOGETHER_MS;
      const before = lines[index - 1];
      const isFirst = !before?.message || before.message.from !== line.message.from
        || Date.parse(line.at) - Date.parse(before.at) > TOGETHER_MS;
      const mark = line.pending?.state ?? (line === lastMine ? (line.index < read ? 'read' : 'sent') : undefined);
      entries.push(message(line, line.message, { isFirst, last, mark }, state, live));
    } else if (line.event?.type === 'question') {
      const { question_id: id } = line.event.data;
      if (line.event.data.allow) entries.push(decisionCard(line.event, answers.get(id), sending.get(id), state, live));
      else if (cards) entries.push(cards.questionCard(line.event, answers.get(id), sending.get(id), state, live));
      else entries.push({ key: line.event.id, from: 'agent', version: '', make: () => cardPlace(line.key) });
    } else if (line.event) {
      const words = noteWords(line.event, state);
      if (words) entries.push(note(line.event.id, words, 'note-line'));
    }
  });
  return entries;
}

/**
 * A decision's card, which is fetched when there is one; until then, and where it cannot be, its words.
 * @param {EventOf<'question'>} event
 * @param {Answered | undefined} answer
 * @param {Pending | undefined} pending
 * @param {State} state
 * @param {LiveSession} live
 * @returns {Entry}
 */
const decisionCard = (event, answer, pending, state, live) => ({
  key: event.id,
  from: 'agent',
  version: JSON.stringify([answer, pending, state.session.status]),
  make: () => h('div', { class: 'card decision', role: 'group', dir: 'auto' }, event.data.text),
  update: (element) => showWhenFetched(element, event, answer, pending, state, live),
});

/** How soon what could not be fetched is asked for again. */
const AGAIN_MS = 5_000;

/** @param {HTMLElement} element @param {Parameters<typeof decisionCard>} ofWhat */
function showWhenFetched(element, ...ofWhat) {
  import('./decision.js').then(
    ({ showDecision }) => showDecision(element, ...ofWhat),
    () => setTimeout(() => element.isConnected && showWhenFetched(element, ...ofWhat), AGAIN_MS),
  );
}

/**
 * A line of the conversation: from the log, or on its way there.
 * @typedef {{ key: string, at: string, index: number, event?: ChatEvent, message?: MessageData, pending?: Pending }} Line
 */

/**
 * @param {State} state
 * @param {Pending[]} unlogged
 * @returns {Line[]}
 */
function linesOf(state, unlogged) {
  /** @type {Line[]} */
  const logged = state.log.map((event, index) => ({
    key: (event.type === 'message' && event.data.client_message_id) || event.id,
    at: event.at,
    index,
    event,
    message: event.type === 'message' ? event.data : undefined,
  }));
  /** @type {Line[]} */
  const waiting = unlogged.flatMap((pending) => (pending.message === undefined ? [] : [{
    key: pending.id,
    at: new Date(pending.at).toISOString(),
    index: Infinity,
    pending,
    message: { from: 'chatter', text: pending.message },
  }]));
  return [...logged.filter(({ event }) => event && isShown(event, state)), ...waiting];
}

/**
 * @param {ChatEvent} event
 * @param {State} state
 */
const isShown = (event, state) => event.type === 'message' || event.type === 'question' || noteWords(event, state) !== '';

/**
 * @param {ChatEvent} event
 * @param {State} state
 */
function noteWords(event, { session }) {
  switch (event.type) {
    case 'session_idle':
      return say('note.idle');
    case 'session_resumed':
      return say('note.resumed');
    case 'session_updated':
      return event.data.expires_at ? say('note.extended', { moment: momentOf(event.data.expires_at) }) : '';
    case 'end_planned':
      return say('note.end_planned', { agent: session.agent_name, moment: momentOf(event.data.at) });
    case 'end_called_off':
      return say('note.end_called_off');
    default:
      // Answers and closings show in their question's card, the end below the log; the rest is not for the eye.
      return '';
  }
}

/**
 * @param {string} key
 * @param {string} words
 * @param {string} className
 * @returns {Entry}
 */
const note = (key, words, className) => ({
  key,
  version: words,
  make: () => h('p', { class: className }, h('span')),
  update: (element) => {
    /** @type {Element} */ (element.firstElementChild).textContent = words;
  },
});

/**
 * @param {State} state
 * @returns {Entry}
 */
function introduction({ session }) {
  const words = say('chat.intro', { agent: session.agent_name, moment: momentOf(session.expires_at) });
  return {
    key: 'introduction',
    version: words,
    make: () => h('p', { class: 'introduction', 'aria-live': 'off' }),
    update: (element) => {
      element.textContent = words;
    },
  };
}

/**
 * @param {Line} line
 * @param {MessageData} data
 * @param {{ isFirst: boolean, last: boolean, mark?: string }} place in a group of messages
 * @param {State} state
 * @param {LiveSession} live
 * @returns {Entry}
 */
function message({ key, at, pending }, data, { isFirst, last, mark }, state, live) {
  const side = data.from === 'chatter' ? 'mine' : data.from === 'system' ? 'system' : 'theirs';
  return {
    key,
    from: data.from,
    version: `${isFirst} ${last} ${mark} ${pending?.reason} ${pending?.until}`,
    // One's own words need no reading out; neither do times and marks, which change.
    make: () => h('article', { class: `message ${side}`, 'aria-live': side === 'mine' ? 'off' : null },
      // Who speaks stands beside every word: an AI, a person, or this service.
      h('p', { class: 'speaker' }, h('bdi', {}, speakerOf(data, state)), h('span', { class: 'unseen' }, ': ')),
      bubble(data, side),
      h('p', { class: 'meta', 'aria-live': 'off' })),
    update: (element) => {
      element.classList.toggle('last', last);
      // To the eye a group has one speaker, and one's own words need none.
      element.firstElementChild?.classList.toggle('unseen', !isFirst || side === 'mine');
      element.classList.toggle('unsent', mark === 'waiting' || mark === 'failed');
      const meta = /** @type {Element} */ (element.lastElementChild);
      const time = last ? h('time', { datetime: at, title: wholeMoment(at) }, timeOf(at)) : null;
      const hadFocus = meta.contains(document.activeElement);
      meta.replaceChildren(...[time, ...marks(mark, pending, live)].filter((part) => part !== null));
      if (hadFocus) (meta.querySelector('button') ?? placeToGoOn())?.focus({ preventScroll: true });
    },
  };
}

/**
 * @param {MessageData} data
 * @param {State} state
 */
function speakerOf({ from }, { session }) {
  switch (from) {
    case 'agent':
      return `${session.agent_name} · ${say('chat.ai')}`;
    case 'person':
      return say('chat.person');
    case 'chatter':
      return say('chat.you');
    case 'system':
      return say('chat.system');
  }
}

/**
 * @param {MessageData} data
 * @param {string} side
 */
function bubble(data, side) {
  // The bubble follows the page's direction, the words in it their own.
  const words = h('div', { dir: 'auto' });
  if (data.from === 'agent' && data.html) {
    words.classList.add('rich');
    setAgentHtml(words, data.html);
    words.querySelectorAll('pre').forEach(addCopyButton);
  } else {
    words.append(...withLinks(data.from === 'system' ? sayCode('system', data.code ?? data.text, data.text) : data.text));
  }
  return h('div', { class: `bubble ${side}` }, words,
    data.from === 'chatter' && data.text.length > LONG_MESSAGE && fold(words));
}

/**
 * Shortens what is long, and gives the button that shows all of it, and less again.
 * @param {HTMLElement} words
 */
function fold(words) {
  words.classList.add('folded');
  const more = h('button', {
    type: 'button', class: 'text-button',
    onclick: () => {
      const isFolded = words.classList.toggle('folded');
      more.textContent = say(isFolded ? 'chat.more' : 'chat.less');
    },
  }, say('chat.more'));
  return more;
}

/** @param {HTMLPreElement} block */
function addCopyButton(block) {
  if (!navigator.clipboard) return;
  const code = block.textContent ?? '';
  const button = h('button', {
    type: 'button', class: 'copy',
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(code);
        button.textContent = say('chat.copied');
      } catch {
        // Another site's page may forbid it: then it is ready for the keyboard, or a long tap.
        getSelection()?.selectAllChildren(shown);
      }
    },
  }, say('chat.copy'));
  const shown = block.cloneNode(true);
  block.replaceWith(h('div', { class: 'code' }, shown, button));
}

/**
 * @param {string | undefined} mark
 * @param {Pending | undefined} pending
 * @param {LiveSession} live
 * @returns {Node[]}
 */
function marks(mark, pending, live) {
  if (!mark) return [];
  const words = say(/** @type {'mark.sent'} */ (`mark.${mark}`));
  if (!pending || mark === 'sending' || mark === 'sent') {
    const sign = mark === 'sending' ? 'clock' : mark === 'read' ? 'checks' : 'check';
    return [h('span', { class: 'mark' }, icon(sign), words)];
  }
  const retry = h('button', { type: 'button', class: 'text-button', onclick: () => live.outbox.retry(pending.id) },
    say(mark === 'failed' ? 'mark.retry' : 'mark.try_now'));
  const discard = h('button', {
    type: 'button', class: 'text-button',
    onclick: () => {
      live.outbox.discard(pending.id);
      placeToGoOn()?.focus({ preventScroll: true });
    },
  }, say('mark.discard'));
  if (mark === 'waiting') {
    const isTooFast = pending.reason === 'rate_limited';
    const why = isTooFast
      ? say('mark.too_fast', { duration: durationOf(Math.max(1000, (pending.until ?? 0) - Date.now()), true) })
      : words;
    // Before its time, trying is of no use.
    return [h('span', { class: 'mark' }, icon('clock'), why), ...(isTooFast ? [] : [retry]), discard];
  }
  const failure = `${words}: ${sayCode('refused', pending.reason, say('refused.other'))}`;
  announce(failure);
  return [
    h('span', { class: 'mark error' }, failure),
    retry,
    discard,
  ];
}

/** Where one goes on whose button is gone: the composer, and after the end the conversation. @returns {HTMLElement | null} */
const placeToGoOn = () => document.querySelector('#message') ?? document.querySelector('.scroller');
