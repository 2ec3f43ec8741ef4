/**
 * The conversation on screen: entries are drawn once and stay, so that a screen reader hears each one once and the
 * reader's place is kept; new ones are followed only by those who are at the end.
 */

import { h, icon } from './dom.js';
import { entriesOf, fetchCards, lacksCards, sourcesOf } from './entries.js';
import { isThinking } from './store.js';
import { say } from './words.js';

/** @import { Entry } from './entries.js' */
/** @import { LiveSession } from './session.js' */
/** @import { State } from './store.js' */

const FETCHES_AGAIN_MS = 5_000;
/** As near as this to the end counts as being there, in pixels. */
const NEAR_END = 80;

/** @typedef {{ element: HTMLElement, version: string }} Drawn */

/**
 * @param {LiveSession} live
 * @param {(state: State) => void} onNews the agent has written
 */
export function timeline(live, onNews) {
  /** @type {Map<string, Drawn>} */
  const drawn = new Map();
  const log = h('div', { class: 'log', role: 'log', 'aria-label': say('chat.log'), 'aria-live': 'off' });
  const doing = h('p', { class: 'doing', hidden: true }, h('span', { class: 'dots', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')), h('span'));
  const scroller = h('div', {
    class: 'scroller', tabindex: 0, role: 'region', 'aria-label': say('chat.scroll'),
    onscroll: () => {
      // A resized page scrolls by itself, before the observer below hears of it.
      if (scroller.clientHeight !== height) return;
      atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
      if (atEnd) arrived = 0;
      showJump();
    },
  }, log, doing);
  const count = h('span');
  const jump = h('button', {
    type: 'button', class: 'jump', hidden: true, 'aria-label': say('chat.jump'),
    onclick: () => {
      toEnd();
      scroller.focus({ preventScroll: true });
    },
  }, icon('down'), count);

  let atEnd = true;
  let height = 0;
  /** Messages that came while the reader was further up. */
  let arrived = 0;
  /** Messages that came while the page was hidden. */
  let unread = 0;
  let first = true;
  let closed = false;
  /** @type {unknown[]} what the entries on screen are made of */
  let sources = [];

  const toEnd = () => {
    scroller.scrollTop = scroller.scrollHeight;
  };
  function showJump() {
    jump.hidden = atEnd || closed;
    count.textContent = arrived ? say('chat.jump_new', { count: arrived }) : '';
    if (arrived) jump.removeAttribute('aria-label');
    else jump.setAttribute('aria-label', say('chat.jump'));
  }
  /** Goes to the end, but not past the beginning of what is new. @param {HTMLElement} element */
  const reveal = (element) => {
    toEnd();
    if (element.offsetTop >= scroller.scrollTop) return;
    scroller.scrollTop = element.offsetTop - 12;
    // Nothing that takes or gives room moves it on from there.
    atEnd = false;
  };
  // The keyboard, a longer draft or a rotated phone take room: who was at the end stays there.
  new ResizeObserver(() => {
    height = scroller.clientHeight;
    if (atEnd) toEnd();
  }).observe(scroller);

  let isFetching = false;
  /** Fetches what draws questions, as often as it takes. */
  function fetchAll() {
    if (isFetching) return;
    isFetching = true;
    fetchCards().then(() => {
      sources = [];
      const wasAtEnd = atEnd;
      update(live.state);
      const newest = log.querySelector(':scope > .card:last-child');
      if (wasAtEnd && newest instanceof HTMLElement) reveal(newest);
    }, () => setTimeout(() => {
      isFetching = false;
      if (!live.closed.aborted) fetchAll();
    }, FETCHES_AGAIN_MS));
  }

  /** @param {State} state */
  function update(state) {
    if (lacksCards(state)) fetchAll();
    const before = sources;
    sources = sourcesOf(state);
    if (sources.every((source, index) => source === before[index])) {
      showDoing(doing, state);
      if (atEnd) toEnd();
      return;
    }
    const entries = entriesOf(state, live);
    const fresh = first ? [] : entries.filter(({ key }) => !drawn.has(key));
    draw(log, drawn, entries);
    showDoing(doing, state);
    if (first) {
      first = false;
      toEnd();
      // What is there at the start is history; only what comes from now on is announced.
      requestAnimationFrame(() => requestAnimationFrame(() => log.setAttribute('aria-live', 'polite')));
    }
    const theirs = fresh.filter(({ from }) => from === 'agent').length;
    if (fresh.some(({ from }) => from === 'chatter')) atEnd = true;
    const news = fresh.find(({ from }) => from === 'agent');
    if (!atEnd) arrived += theirs;
    else if (news) reveal(/** @type {Drawn} */ (drawn.get(news.key)).element);
    else toEnd();
    if (document.visibilityState === 'hidden') unread += theirs;
    showJump();
    if (theirs) onNews(state);
    live.markRead();
  }

  return {
    elements: [scroller, jump],
    update,
    /** Puts what comes after the last word below it. @param {HTMLElement} ending */
    close: (ending) => {
      closed = true;
      scroller.append(ending);
      if (atEnd) reveal(ending);
      showJump();
    },
    /** It has grown. @param {HTMLElement} ending */
    closed: (ending) => {
      if (atEnd) reveal(ending);
    },
    unread: () => unread,
    seen: () => {
      unread = 0;
    },
  };
}

/**
 * Brings the log's children in line with the entries, touching only what differs.
 * @param {HTMLElement} log
 * @param {Map<string, Drawn>} drawn
 * @param {Entry[]} entries
 */
function draw(log, drawn, entries) {
  const wanted = new Set(entries.map(({ key }) => key));
  for (const [key, { element }] of drawn) {
    if (wanted.has(key)) continue;
    element.remove();
    drawn.delete(key);
  }
  let next = log.firstElementChild;
  for (const entry of entries) {
    const known = drawn.get(entry.key);
    const element = known?.element ?? entry.make();
    if (known?.version !== entry.version) {
      entry.update?.(element);
      drawn.set(entry.key, { element, version: entry.version });
    }
    if (element === next) next = element.nextElementSibling;
    else log.insertBefore(element, next);
  }
}

/**
 * Says what the agent is doing, for the eyes only: said aloud at every change it would only disturb.
 * @param {HTMLElement} doing
 * @param {State} state
 */
function showDoing(doing, state) {
  const { session, agentTyping, connection } = state;
  const open = session.status === 'active' || session.status === 'idle';
  const busy = agentTyping || isThinking(state);
  doing.hidden = !open || !busy || connection === 'offline';
  const words = /** @type {Element} */ (doing.lastElementChild);
  words.textContent = say(agentTyping ? 'agent.is_typing' : 'agent.is_thinking', { agent: session.agent_name });
}
