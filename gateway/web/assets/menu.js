/**
 * The menu: keep a copy, end the chat, go on elsewhere, be forgotten here, delete it.
 */

import { alertSwitches } from './alerts.js';
import { transcriptUrl } from './api.js';
import { inFrame } from './carrier.js';
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
  const handoff = h('button', {
    type: 'button',
    'aria-haspopup': 'dialog',
    onclick: () => import('./devices.js').then(({ showHandoff }) => {
      leave();
      showHandoff(live);
    }, () => tell(handoff, say('handoff.failed'))),
  }, icon('devices'), h('span', {}, say('menu.handoff')));
  const forget = confirmButton({
    label: say('menu.forget'),
    confirm: say('menu.forget_confirm'),
    class: 'forget',
    icon: icon('forget'),
    act: () => import('./devices.js').then(({ forgetHere }) => forgetHere(live))
      .catch(() => tell(forget, say('menu.forget_failed'))),
  });
  const report = h('button', {
    type: 'button',
    'aria-haspopup': 'dialog',
    onclick: () => import('./report.js').then(({ showReport }) => {
      leave();
      showReport(live);
    }, () => tell(report, say('report.failed'))),
  }, icon('flag'), h('span', {}, say('menu.report')));
  const panel = h('div', { class: 'menu', id: 'menu', hidden: true },
    transcriptLink(live.id, 'txt'),
    transcriptLink(live.id, 'md'),
    printButton(),
    ...alertSwitches(),
    handoff,
    end,
    forget,
    report,
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
  return {
    element,
    close,
    /** @param {State} state */
    update: ({ session }) => {
      end.hidden = session.status === 'ended';
      handoff.hidden = end.hidden;
    },
  };
}

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

/**
 * Lets a button say what becomes of its tap, in the place of its name.
 * @param {HTMLElement} button
 * @param {string} words
 * @param {{ stays?: boolean }} [options] otherwise the name comes back after a while
 */
function tell(button, words, { stays } = {}) {
  const text = /** @type {HTMLElement} */ (button.querySelector('span'));
  const name = text.dataset.name ??= text.textContent ?? '';
  text.textContent = words;
  announce(words);
  if (!stays) setTimeout(() => text.textContent === words && (text.textContent = name), 6000);
}
