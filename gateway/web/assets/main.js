/**
 * The page's beginning: the address says whether this is a link to join or a chat to return to.
 */

import { Problem, getSession } from './api.js';
import { showChat } from './chat.js';
import { showLink } from './join.js';
import { showLoading, showNotice } from './notice.js';
import { LiveSession } from './session.js';
import { forgetSession, originOf } from './storage.js';
import { say, speak } from './words.js';

/** @import { Session } from '../contract.d.ts' */
/** @import { Way } from './join.js' */

/** @type {LiveSession | undefined} */
let live;

/**
 * @param {'gone' | 'elsewhere'} why
 * @param {Session} [session]
 */
function onLost(why, session) {
  live = undefined;
  showNotice(why, { agent: session?.agent_name ?? say('notice.gone_agent') });
}

/**
 * Follows a session on screen, in place of the one before. The token leaves the address, if it is still there.
 * @param {Session} session
 * @param {Way} [way]
 */
async function enter(session, { joined, startNew } = {}) {
  history.replaceState(null, '', `/chat/${session.id}`);
  live?.stop();
  const next = new LiveSession(session, onLost);
  live = next;
  await next.start(joined);
  if (live === next) showChat(next, startNew);
}

/** A reload, another tab, a bookmark: the cookie says whose session this is. @param {string} id */
async function openSession(id) {
  showLoading();
  await speak(originOf(id)?.language);
  try {
    const { session } = await getSession(id);
    await enter(session);
  } catch (problem) {
    const code = problem instanceof Problem ? problem.code : '';
    if (code === 'session_erased' || code === 'session_unknown') {
      forgetSession(id);
      onLost(code === 'session_erased' ? 'gone' : 'elsewhere');
    } else {
      showNotice('away', {}, () => openSession(id));
    }
  }
}

async function open() {
  const [, place, name] = location.pathname.split('/');
  if (place === 'temp-chat' && name) return showLink(decodeURIComponent(name), enter);
  if (place === 'chat' && name) return openSession(decodeURIComponent(name));
  await speak();
  showNotice('unknown');
}

open();
