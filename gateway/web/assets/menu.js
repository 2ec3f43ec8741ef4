/**
 * The menu: its button is there with the chat; what stands in it is fetched right after, so that the first words need not wait for it.
 */

import { fill, h, icon } from './dom.js';
import { say } from './words.js';

/** @import { LiveSession } from './session.js' */
/** @import { State } from './store.js' */

/** @param {LiveSession} live */
export function chatMenu(live) {
  /** @type {ReturnType<typeof import('./menu-items.js').menuItems> | undefined} */
  let items;
  const panel = h('div', { class: 'menu', id: 'menu', hidden: true });
  const load = () => {
    if (items) return;
    import('./menu-items.js').then(({ menuItems }) => {
      if (items) return;
      items = menuItems(live, leave);
      fill(panel, ...items.all);
      update(live.state);
    }, () => fill(panel, h('p', { class: 'error', role: 'alert' }, say('menu.failed'))));
  };
  const button = h('button', {
    type: 'button',
    class: 'round',
    'aria-label': say('chat.menu'),
    'aria-controls': 'menu',
    'aria-expanded': 'false',
    onclick: () => (panel.hidden ? open() : close()),
  }, icon('more'));
  const element = h('div', {
    class: 'menu-place',
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Escape' || panel.hidden) return;
      event.preventDefault();
      leave();
    },
    onfocusout: (/** @type {FocusEvent} */ event) => {
      if (event.relatedTarget instanceof Node && !element.contains(event.relatedTarget)) close();
    },
  }, button, panel);

  const onOutside = (/** @type {Event} */ event) => {
    if (event.target instanceof Node && !element.contains(event.target)) close();
  };
  function open() {
    load();
    panel.hidden = false;
    button.setAttribute('aria-expanded', 'true');
    document.addEventListener('pointerdown', onOutside);
  }
  function close() {
    panel.hidden = true;
    button.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', onOutside);
  }
  function leave() {
    close();
    button.focus();
  }
  /** @param {State} state */
  function update({ session }) {
    for (const item of items?.whileOpen ?? []) item.hidden = session.status === 'ended';
  }
  load();
  return {
    element,
    close,
    update,
    /** Tells that the agent wrote, as the chatter wishes. @param {State} state */
    alert: (state) => items?.alert(state),
  };
}
