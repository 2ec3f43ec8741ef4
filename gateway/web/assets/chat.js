/**
 * The chat's screen: header, banner, conversation, composer; and after the end, the ending below the words.
 */

import { composer } from './composer.js';
import { avatar, h, showScreen } from './dom.js';
import { banner } from './banner.js';
import { endingPanel } from './ending.js';
import { chatMenu } from './menu.js';
import { timeline } from './timeline.js';
import { say } from './words.js';

/** @import { LiveSession } from './session.js' */
/** @import { State } from './store.js' */

/**
 * @param {LiveSession} live
 * @param {() => Promise<void>} [startNew] joins the link again, where this page still knows it
 */
export function showChat(live, startNew) {
  const { session } = live.state;
  const dot = h('span', { class: 'dot', 'aria-hidden': 'true' });
  const presence = h('span', {});
  const conversation = timeline(live);
  const strip = banner(live);
  const menu = chatMenu(live);
  const writer = composer(live);
  const foot = h('footer', { class: 'foot' }, writer.element);

  showScreen(
    h('div', { class: 'chat' },
      h('header', { class: 'bar' },
        avatar(session.agent_name),
        h('div', { class: 'who' },
          h('h1', { dir: 'auto' }, session.title),
          h('p', {}, dot, h('bdi', {}, session.agent_name), h('span', { class: 'presence' }, presence))),
        menu.element),
      strip.element,
      h('main', { class: 'conversation' }, ...conversation.elements),
      foot),
  );
  followKeyboard();

  let ended = false;
  live.watch((state) => {
    const over = state.session.status === 'ended';
    dot.dataset.state = over ? 'away' : state.session.agent_state;
    presence.textContent = over ? '' : presenceOf(state);
    strip.update(state);
    menu.update(state);
    writer.update(state);
    conversation.update(state);
    document.title = titleOf(state, conversation.unread());
    if (over && !ended) {
      ended = true;
      const hadFocus = foot.contains(document.activeElement) || menu.element.contains(document.activeElement);
      const panel = endingPanel(live, startNew);
      menu.close();
      foot.remove();
      conversation.close(panel);
      if (hadFocus) panel.querySelector('h2')?.focus({ preventScroll: true });
    }
  });
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible') return;
    conversation.seen();
    document.title = titleOf(live.state, 0);
  }, { signal: live.closed });
  if (matchMedia('(pointer: fine)').matches) writer.focus();
}

/** @param {State} state */
const presenceOf = ({ session }) => ` · ${say(`agent.${session.agent_state}`)}`;

/**
 * @param {State} state
 * @param {number} unread
 */
const titleOf = ({ session }, unread) =>
  unread ? say('chat.unread_title', { count: unread, title: session.title }) : session.title;

/** Keeps the composer above a keyboard that covers the page instead of shrinking it (Safari). */
function followKeyboard() {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const fit = () => {
    // Zoomed in, the visible part is a window over the page and no measure of it.
    if (viewport.scale > 1.01) return;
    document.documentElement.style.setProperty('--height', `${viewport.height}px`);
    if (viewport.offsetTop > 0) window.scrollTo(0, 0);
  };
  viewport.addEventListener('resize', fit);
  fit();
}
