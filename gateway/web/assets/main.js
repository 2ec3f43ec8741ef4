/**
 * The page's beginning: the address says whether this is a link to join or a chat to return to.
 */

import { Problem, getSession } from './api.js';
import { base, here } from './base.js';
import { inFrame } from './carrier.js';
import { showChat } from './chat.js';
import { continueButton, showLink } from './join.js';
import { showLoading, showNotice, showSpeechless } from './notice.js';
import { LiveSession } from './session.js';
import { forgetSession, keepOrigin, originOf, overdue } from './storage.js';
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
  // A frame finds a chat again by its link alone.
  if (why === 'elsewhere' && !inFrame()) document.querySelector('.notice')?.append(continueButton(enterHere));
}

/**
 * Follows a session on screen, in place of the one before. The token leaves the address, if it is still there.
 * @param {Session} session
 * @param {Way} [way]
 */
async function enter(session, { joined, startNew, canStartNew } = {}) {
  // A frame keeps the address that the page around may show.
  if (!inFrame()) history.replaceState(null, '', `${base}chat/${session.id}`);
  live?.stop();
  // A chat from another device comes without the link that chose the language.
  keepOrigin(session.id, { language: session.language, ...originOf(session.id), until: session.erase_at });
  await speak(session.language);
  const next = new LiveSession(session, onLost);
  live = next;
  await next.start(joined);
  if (live === next) showChat(next, startNew, canStartNew);
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

/** Goes on with a chat from another device. @type {import('./devices.js').Enter} */
const enterHere = (joined) => enter(joined.session, { joined });

/** Takes a code from another device; once read from the address, it is in no history. */
async function openOther() {
  const code = location.hash.slice(1);
  history.replaceState(null, '', `${base}chat`);
  const [{ showContinue }] = await Promise.all([import('./devices.js'), speak()]);
  showContinue(enterHere, code);
}

/** Reads a part of the address; one that was cut within a letter stays as it is, and leads nowhere. @param {string} part */
function plain(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** A link's token, as it was sent: on the way signs of a sentence stick to it. @param {string} part */
const tokenIn = (part) => /[a-z2-7]{40,}/i.exec(part)?.[0].toLowerCase() ?? part;

/** @param {string} part */
const sessionIn = (part) => /ses_[a-z2-7]+/i.exec(part)?.[0].toLowerCase() ?? part;

async function open() {
  const [page, name] = here().split('/');
  if (page === 'embed' && !(await import('./frame.js')).settleIn()) return;
  // A browser that takes no cookies carries its credential as in a frame.
  if (page !== 'embed' && !navigator.cookieEnabled) (await import('./frame.js')).carryBearer();
  if ((page === 'temp-chat' || page === 'embed') && name) return showLink(tokenIn(plain(name)), enter);
  if (page === 'chat') return name ? openSession(sessionIn(plain(name))) : openOther();
  await speak();
  showNotice('unknown');
}

/** Leaves nothing on this device of chats that have gone while nobody looked. */
async function forgetGone() {
  for (const id of overdue()) {
    await getSession(id).catch((problem) => problem instanceof Problem && problem.isFinal && forgetSession(id));
  }
}

document.documentElement.dataset.begun = '';
document.querySelector('.late')?.remove();
// Only what cannot even be said fails here: a file of this page did not come.
open().then(forgetGone, showSpeechless);
