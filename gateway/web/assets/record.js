/**
 * What a person can do with the words of a chat: keep a copy, print them, delete them.
 */

import { transcriptUrl } from './api.js';
import { inFrame } from './carrier.js';
import { confirmButton, h, icon, tell } from './dom.js';
import { say } from './words.js';

/** @import { LiveSession } from './session.js' */

/**
 * @param {string} sessionId
 * @param {'txt' | 'md'} format
 */
export function transcriptLink(sessionId, format) {
  const link = h('a', {
    href: transcriptUrl(sessionId, format),
    download: `chat.${format}`,
    onclick: inFrame() && ((/** @type {Event} */ event) => {
      event.preventDefault();
      import('./frame.js').then(({ saveTranscript }) => saveTranscript(sessionId, format))
        .catch(() => tell(link, say('menu.save_failed')));
    }),
  }, icon('text'), h('span', {}, say(`menu.${format}`)));
  return link;
}

/** Prints what is on the page, or keeps it as a PDF. */
export const printButton = () =>
  h('button', { type: 'button', class: 'print', onclick: () => print() }, icon('printer'), h('span', {}, say('menu.print')));

/** @param {LiveSession} live */
export function eraseButton(live) {
  const button = confirmButton({
    label: say('menu.erase'),
    confirm: say('menu.erase_confirm', { agent: live.state.session.agent_name }),
    class: 'danger',
    icon: icon('bin'),
    act: async () => {
      button.setAttribute('aria-disabled', 'true');
      tell(button, say('menu.erasing'), { stays: true });
      try {
        await live.erase();
      } catch {
        tell(button, say('menu.erase_failed'));
        button.removeAttribute('aria-disabled');
      }
    },
  });
  return button;
}
