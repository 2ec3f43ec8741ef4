/**
 * The chat's screen: header, banner, conversation, composer; and after the end, the ending below the words.
 */

import { composer } from './composer.js';
import { announce, avatar, h, showScreen } from './dom.js';
import { banner } from './banner.js';
import { chatMenu } from './menu.js';
import { isThinking } from './store.js';
import { timeline } from './timeline.js';
import { say } from './words.js';

/** @import { LiveSession } from './session.js' */
/** @import { State } from './store.js' */

const ASKS_AGAIN_MS = 5_000;
/** How long an agent is said to be back. */
const BACK_MS = 20_000;

/**
 * @param {LiveSession} live
 * @param {() => Promise<void>} [startNew] joins the link again, where this page still knows it
 * @param {() => Promise<boolean>} [canStartNew] whether the link would take it
 */
export function showChat(live, startNew, canStartNew) {
  const { session } = live.state;
  const dot = h('span', { class: 'dot', 'aria-hidden': 'true' });
  const presence = h('span', {});
  const menu = chatMenu(live);
  const conversation = timeline(live, menu.alert);
  const strip = banner(live);
  const writer = composer(live);
  const foot = h('footer', { class: 'foot' }, h('div', { class: 'proof' }), writer.element);

  const who = h('div', { class: 'who' },
      // Cut after two lines; a tap shows all.
      h('h1', { dir: 'auto', onclick: () => who.classList.toggle('whole') }, session.title),
      h('p', {}, dot, h('bdi', {}, session.agent_name), ` · ${say('chat.ai')}`, h('span', { class: 'presence' }, presence)));

  showScreen(
    h('div', { class: 'chat' },
      h('header', { class: 'bar' },
        avatar(session.agent_name),
        who,
        menu.element),
      strip.element,
      h('main', { class: 'conversation' }, ...conversation.elements),
      foot),
  );
  followKeyboard(live.closed);

  /** @param {State} state */
  const showPresence = (state) => {
    const isKnown = state.session.status !== 'ended' && state.connection !== 'offline';
    presence.textContent = isKnown ? presenceOf(state, back.is(state)) : '';
  };
  /** What stands below the end is fetched when it has come, and asked for again where it did not come. @param {HTMLElement} panel */
  const fillEnding = (panel) => {
    import('./ending.js').then(({ ending }) => {
      panel.append(...ending(live, startNew, canStartNew));
      conversation.closed(panel);
    }, () => live.closed.aborted || setTimeout(() => fillEnding(panel), ASKS_AGAIN_MS));
  };
  const back = comingBack(live, () => showPresence(live.state));
  let ended = false;
  live.watch((state) => {
    const over = state.session.status === 'ended';
    dot.dataset.state = over || state.connection === 'offline' ? 'away' : stateOf(state);
    showPresence(state);
    strip.update(state);
    menu.update(state);
    writer.update(state);
    conversation.update(state);
    document.title = titleOf(state, conversation.unread());
    if (over && !ended) {
      ended = true;
      const hadFocus = foot.contains(document.activeElement) || menu.element.contains(document.activeElement);
      const panel = h('section', { class: 'ending', 'aria-labelledby': 'ending' }, h('h2', { id: 'ending', tabindex: -1 }, say('ending.title')));
      menu.close();
      foot.remove();
      conversation.close(panel);
      if (hadFocus) panel.querySelector('h2')?.focus({ preventScroll: true });
      fillEnding(panel);
    }
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible') return;
    conversation.seen();
    document.title = titleOf(live.state, 0);
  }, { signal: live.closed });
  if (matchMedia('(pointer: fine)').matches) writer.focus();
}

/**
 * @param {State} state
 * @param {boolean} isBack
 */
const presenceOf = (state, isBack) =>
  ` · ${say(isBack && state.session.agent_state !== 'thinking' ? 'agent.back' : `agent.${stateOf(state)}`)}`;

/** What the agent does, as far as it is known: nobody thinks about what is not read. @param {State} state */
const stateOf = (state) =>
  (state.session.agent_state === 'thinking' && !isThinking(state) ? 'pending' : state.session.agent_state);

/**
 * Notices an agent that was away and is here again, and says so for a while.
 * @param {LiveSession} live
 * @param {() => void} onOver
 */
function comingBack(live, onOver) {
  let away = live.state.session.agent_state === 'away';
  let until = 0;
  let timer = 0;
  live.closed.addEventListener('abort', () => clearTimeout(timer), { once: true });
  return {
    /** @param {State} state */
    is: ({ session }) => {
      const isAway = session.agent_state === 'away';
      if (away && !isAway) {
        until = Date.now() + BACK_MS;
        clearTimeout(timer);
        // A timer may be a moment early.
        timer = setTimeout(onOver, BACK_MS + 100);
        announce(`${session.agent_name}: ${say('agent.back')}`);
      }
      away = isAway;
      return !isAway && Date.now() < until;
    },
  };
}

/**
 * @param {State} state
 * @param {number} unread
 */
const titleOf = ({ session }, unread) =>
  unread ? say('chat.unread_title', { count: unread, title: session.title }) : session.title;

/** Keeps the composer above a keyboard that covers the page instead of shrinking it (Safari). @param {AbortSignal} signal */
function followKeyboard(signal) {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const fit = () => {
    // Zoomed in, the visible part is a window over the page and no measure of it.
    if (viewport.scale > 1.01) return;
    document.documentElement.style.setProperty('--height', `${viewport.height}px`);
    if (viewport.offsetTop > 0) window.scrollTo(0, 0);
  };
  viewport.addEventListener('resize', fit, { signal });
  fit();
}
