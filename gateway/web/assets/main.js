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

/** @import { Joined, Session } from '../contract.d.ts' */

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
 * Follows a session on screen, in place of the one before.
 * @param {Session} session
 * @param {{ joined?: Joined, startNew?: () => Promise<void> }} [options]
 */
async function enter(session, { joined, startNew } = {}) {
  live?.stop();
  const next = new LiveSession(session, { canStartNew: joined?.can_start_new, onLost });
  live = next;
  await next.start(joined);
  if (live === next) showChat(next, startNew);
}

/** A link: the token leaves the address as soon as there is a session. @param {string} token */
function openLink(token) {
  return showLink(token, (joined, startNew) => {
    history.replaceState(null, '', `/chat/${joined.session.id}`);
    return enter(joined.session, { joined, startNew });
  });
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
  await speak();
  const [, place, name] = location.pathname.split('/');
  if (place === 'temp-chat' && name) await openLink(decodeURIComponent(name));
  else if (place === 'chat' && name) await openSession(decodeURIComponent(name));
  else showNotice('unknown');
}

open();
