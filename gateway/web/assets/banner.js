/**
 * Quiet strips under the header: no connection, an end that the agent has told, or the time that is left. They never interrupt.
 */

import { millisecondsUntil } from './clock.js';
import { h } from './dom.js';
import { durationOf, say } from './words.js';

/** @import { LiveSession } from './session.js' */
/** @import { State } from './store.js' */

const WARN_MS = 10 * 60_000;
const WARN_AGAIN_MS = 2 * 60_000;
const TICK_MS = 10_000;
const LONGEST_MS = 600_000;
/** The server ends the chat; if its word is late, the page asks. */
const GRACE_MS = 3_000;

/** @param {LiveSession} live */
export function banner(live) {
  const clock = h('p', { class: 'strip', hidden: true, role: 'status' });
  const network = h('p', { class: 'strip', hidden: true, role: 'status' });
  const planned = h('p', { class: 'strip', hidden: true, role: 'status' });
  let timer = 0;

  live.closed.addEventListener('abort', () => clearTimeout(timer), { once: true });

  /** @param {State} state */
  const update = ({ session, connection }) => {
    clearTimeout(timer);
    const open = session.status === 'active' || session.status === 'idle';
    const left = millisecondsUntil(session.expires_at);
    show(network, open && connection === 'offline' ? say('banner.offline') : '');
    const told = session.end_planned_at;
    show(planned, open && told ? announcement(session.agent_name, millisecondsUntil(told)) : '');
    clock.classList.toggle('urgent', left <= WARN_AGAIN_MS);
    show(clock, open && left <= WARN_MS ? warning(left) : '');
    if (!open) return;
    // Far from the end it is enough to look again when the warning is due.
    timer = setTimeout(tick, left > WARN_MS && !told ? Math.min(left - WARN_MS, LONGEST_MS) : TICK_MS);
  };
  const tick = () => {
    const { expires_at, end_planned_at } = live.state.session;
    if ([expires_at, end_planned_at].some((end) => end && millisecondsUntil(end) < -GRACE_MS)) live.refresh();
    update(live.state);
  };
  return { element: h('div', { class: 'strips' }, network, planned, clock), update };
}

/**
 * @param {string} agent
 * @param {number} left milliseconds
 */
function announcement(agent, left) {
  return left < 30_000 ? say('banner.planned_now', { agent }) : say('banner.planned', { agent, duration: durationOf(left) });
}

/** @param {number} left milliseconds */
function warning(left) {
  if (left < 30_000) return say('banner.ending_now');
  return say(left <= WARN_AGAIN_MS ? 'banner.ending_soon' : 'banner.ending', { duration: durationOf(left) });
}

/**
 * Changes a status only when its words change: it is read aloud each time.
 * @param {HTMLElement} strip
 * @param {string} text
 */
function show(strip, text) {
  if (strip.textContent !== text) strip.textContent = text;
  strip.hidden = !text;
}
