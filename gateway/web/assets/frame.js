/**
 * The page as a bubble in another site's page: third-party cookies are blocked there, so each chat's credential is a bearer
 * token in the frame's own, partitioned storage. The page around it is told one thing only: that Escape was pressed.
 */

import { fetchTranscript } from './api.js';
import { base, here } from './base.js';
import { carrier } from './carrier.js';
import { h } from './dom.js';
import { read, sessionPrefix, write } from './storage.js';

/** @param {string} sessionId */
const bearerKey = (sessionId) => `${sessionPrefix(sessionId)}bearer`;

/** Makes the page at home in its frame. Opened by itself, its address is that of the link: tells whether it stays. */
export function settleIn() {
  if (window.parent === window) {
    location.replace(base + here().replace('embed/', 'temp-chat/'));
    return false;
  }
  carryBearer();
  watchEscape();
  return true;
}

/** Carries the credential in a header, and keeps it where the page keeps its things. */
export function carryBearer() {
  carrier.credential = 'bearer';
  carrier.headersFor = (path) => {
    const [, place, id] = path.split('/', 3);
    const bearer = place === 'sessions' && id && read(bearerKey(decodeURIComponent(id)));
    return /** @type {Record<string, string>} */ (bearer ? { Authorization: `Bearer ${bearer}` } : {});
  };
  carrier.keep = ({ session, session_token: token }) => {
    if (token) write(bearerKey(session.id), token);
  };
}

/** Hands Escape to the page around, unless something in here was closed by it. */
function watchEscape() {
  const host = hostOrigin();
  if (!host) return;
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !event.defaultPrevented && !event.isComposing) parent.postMessage('tempchat:close', host);
  });
}

/** The page around names its origin; were it a lie, the word would reach nobody. */
function hostOrigin() {
  try {
    const { protocol, origin } = new URL(new URLSearchParams(location.hash.slice(1)).get('host') ?? '');
    return protocol === 'https:' || protocol === 'http:' ? origin : null;
  } catch {
    return null;
  }
}

/**
 * Saves a copy of the chat: a plain link would show no credential.
 * @param {string} sessionId
 * @param {'txt' | 'md'} format
 */
export async function saveTranscript(sessionId, format) {
  const url = URL.createObjectURL(await fetchTranscript(sessionId, format));
  h('a', { href: url, download: `chat.${format}` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
