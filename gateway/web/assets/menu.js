/**
 * The menu: keep a copy, end the chat, delete it.
 */

import { alertSwitches } from './alerts.js';
import { transcriptUrl } from './api.js';
import { announce, confirmButton, h, icon } from './dom.js';
import { say } from './words.js';

/** @import { LiveSession } from './session.js' */
/** @import { State } from './store.js' */

/** @param {LiveSession} live */
export function chatMenu(live) {
  const end = confirmButton({
    label: say('menu.end'),
    confirm: say('menu.end_confirm'),
    class: 'end',
    icon: icon('leave'),
    act: () => {
      close();
      button.focus();
      live.end().catch(() => announce(say('menu.end_failed')));
    },
  });
  const panel = h('div', { class: 'menu', id: 'menu', hidden: true },
    transcriptLink(live.id, 'txt'),
    transcriptLink(live.id, 'md'),
    printButton(),
    ...alertSwitches(),
    end,
    eraseButton(live));
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
      close();
      button.focus();
    },
    onfocusout: (/** @type {FocusEvent} */ event) => {
      if (event.relatedTarget instanceof Node && !element.contains(event.relatedTarget)) close();
    },
  }, button, panel);

  const onOutside = (/** @type {Event} */ event) => {
    if (event.target instanceof Node && !element.contains(event.target)) close();
  };
  function open() {
    panel.hidden = false;
    button.setAttribute('aria-expanded', 'true');
    document.addEventListener('pointerdown', onOutside);
  }
  function close() {
    panel.hidden = true;
    button.setAttribute('aria-expanded', 'false');
    document.removeEventListener('pointerdown', onOutside);
  }
  return {
    element,
    close,
    /** @param {State} state */
    update: ({ session }) => {
      end.hidden = session.status === 'ended';
    },
  };
}

/**
 * @param {string} sessionId
 * @param {'txt' | 'md'} format
 */
export const transcriptLink = (sessionId, format) =>
  h('a', { href: transcriptUrl(sessionId, format), download: `chat.${format}` }, icon('text'), say(`menu.${format}`));

/** Prints what is on the page, or keeps it as a PDF. */
export const printButton = () =>
  h('button', { type: 'button', class: 'print', onclick: () => print() }, icon('printer'), h('span', {}, say('menu.print')));

/** @param {LiveSession} live */
export function eraseButton(live) {
  const button = confirmButton({
    label: say('menu.erase'),
    confirm: say('menu.erase_confirm'),
    class: 'danger',
    icon: icon('bin'),
    act: async () => {
      const text = button.querySelector('span');
      const label = text?.textContent ?? '';
      const tell = (/** @type {string} */ words) => {
        if (text) text.textContent = words;
        announce(words);
      };
      button.setAttribute('aria-disabled', 'true');
      tell(say('menu.erasing'));
      try {
        await live.erase();
      } catch {
        tell(say('menu.erase_failed'));
        setTimeout(() => text && (text.textContent = label), 6000);
        button.removeAttribute('aria-disabled');
      }
    },
  });
  return button;
}
