/**
 * Tells the operator what is wrong with a chat.
 */

import { Problem, reportSession } from './api.js';
import { fill, h } from './dom.js';
import { fieldControl } from './fields.js';
import { say } from './words.js';

/** @import { LiveSession } from './session.js' */

/** @param {LiveSession} live */
export function showReport(live) {
  const reason = fieldControl({ key: 'reason', type: 'text', label: say('report.reason'), max_length: 1000 });
  const status = h('p', { class: 'error', role: 'alert' });
  const send = h('button', { type: 'submit', class: 'primary wide' }, say('report.send'));
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const missing = reason.check();
    reason.showError(missing);
    if (missing) return reason.focus();
    if (send.getAttribute('aria-disabled')) return;
    send.setAttribute('aria-disabled', 'true');
    status.textContent = '';
    try {
      await reportSession(live.id, String(reason.value()));
      fill(content, h('p', { role: 'status' }, say('report.sent')));
    } catch (problem) {
      const over = problem instanceof Problem && problem.code === 'report_limit_reached';
      status.textContent = say(over ? 'report.too_many' : 'report.failed');
    }
    send.removeAttribute('aria-disabled');
  };
  const content = h('div', {}, h('p', {}, say('report.text', { agent: live.state.session.agent_name })),
    h('form', { novalidate: true, onsubmit: submit }, reason.element, status, send));
  const dialog = h('dialog', {
    class: 'handoff',
    'aria-labelledby': 'report-title',
    // Escape closes this, and not what is around it.
    onkeydown: (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== 'Escape') return;
      event.preventDefault();
      dialog.close();
    },
    onclose: () => dialog.remove(),
  },
  h('h2', { id: 'report-title' }, say('menu.report')),
  content,
  h('button', { type: 'button', class: 'wide', onclick: () => dialog.close() }, say('handoff.close')));
  document.body.append(dialog);
  dialog.showModal();
  live.closed.addEventListener('abort', () => dialog.close(), { once: true });
}
