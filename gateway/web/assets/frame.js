/**
 * The page as a bubble in another site's page: third-party cookies are blocked there, so each chat's credential is a bearer
 * token in the frame's own, partitioned storage. The page around it is told one thing only: that Escape was pressed.
 */

import { read, sessionPrefix, write } from './storage.js';

const isEmbedAddress = location.pathname.startsWith('/embed/');

/** Whether this page is in another page's frame. */
export const inFrame = isEmbedAddress && window.parent !== window;

/** @param {string} sessionId */
const bearerKey = (sessionId) => `${sessionPrefix(sessionId)}bearer`;

/**
 * Keeps the credential that joining gave, where it gave one.
 * @param {{ session: { id: string }, session_token?: string }} joined
 */
export function keepBearer({ session, session_token: token }) {
  if (token) write(bearerKey(session.id), token);
}

/**
 * The headers that prove who asks, for a request about a session.
 * @param {string} path below `/api/v1`
 * @returns {Record<string, string>}
 */
export function credentialFor(path) {
  const [, place, id] = path.split('/', 3);
  const bearer = inFrame && place === 'sessions' && id && read(bearerKey(decodeURIComponent(id)));
  return bearer ? { Authorization: `Bearer ${bearer}` } : {};
}

/** Hands Escape to the page around, unless something in here was closed by it. */
export function watchEscape() {
  const host = hostOrigin();
  if (!inFrame || !host) return;
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

/** Opened by itself and not in a frame, the address is that of the link. Tells whether the page is on its way there. */
export function leaveEmbedAddress() {
  if (!isEmbedAddress || inFrame) return false;
  location.replace(location.pathname.replace('/embed/', '/temp-chat/'));
  return true;
}
