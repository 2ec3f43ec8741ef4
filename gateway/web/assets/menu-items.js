/**
 * What stands in the menu: keep a copy, be told of news, go on elsewhere, end the chat, be forgotten here, report it, delete it.
 */

import { alert, alertSwitches } from './alerts.js';
import { announce, confirmButton, h, icon, tell } from './dom.js';
import { eraseButton, printButton, transcriptLink } from './record.js';
import { say } from './words.js';

/** @import { LiveSession } from './session.js' */

/**
 * @param {LiveSession} live
 * @param {() => void} leave closes the menu, the focus on its button
 */
export function menuItems(live, leave) {
  const end = confirmButton({
    label: say('menu.end'),
    confirm: say('menu.end_confirm'),
    class: 'end',
    icon: icon('leave'),
    act: () => {
      leave();
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
  return {
    all: [
      transcriptLink(live.id, 'txt'),
      transcriptLink(live.id, 'md'),
      printButton(),
      ...alertSwitches(),
      handoff,
      end,
      forget,
      report,
      eraseButton(live),
    ],
    /** What makes no sense after the end. */
    whileOpen: [end, handoff],
    alert,
  };
}
