/**
 * What the page keeps on the device. Storage may be refused (private windows): then the page still works, until a reload.
 */

/** @type {Map<string, string>} */
const memory = new Map();

/**
 * @param {string} key
 * @returns {string | null}
 */
export function read(key) {
  try {
    return localStorage.getItem(key) ?? memory.get(key) ?? null;
  } catch {
    return memory.get(key) ?? null;
  }
}

/**
 * @param {string} key
 * @param {string} value
 */
export function write(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    memory.set(key, value);
  }
}

/** @param {string} key */
export function remove(key) {
  memory.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // Nothing was kept there.
  }
}

/**
 * Every kept key that begins with `prefix`.
 * @param {string} prefix
 */
export function keys(prefix) {
  const found = new Set(memory.keys());
  try {
    Object.keys(localStorage).forEach((key) => found.add(key));
  } catch {
    // Only the memory, then.
  }
  return [...found].filter((key) => key.startsWith(prefix));
}

/**
 * @template T
 * @param {string} key
 * @returns {T | null}
 */
export function readJson(key) {
  try {
    return JSON.parse(read(key) ?? 'null');
  } catch {
    return null;
  }
}

const SESSIONS = 'tempchat:session:';
const ORIGIN = 'origin';

/** @param {string} sessionId */
export const sessionPrefix = (sessionId) => `${SESSIONS}${sessionId}:`;

/**
 * The secret that makes joining twice from here the same session.
 * @param {string} linkKey of `linkKey`
 */
export function clientIdFor(linkKey) {
  const kept = read(linkKey);
  if (kept) return kept;
  const made = uuid();
  write(linkKey, made);
  return made;
}

/** @typedef {{ linkKey?: string, language?: string, until?: string }} Origin `until` when the words are gone, at the latest */

/**
 * Remembers which link a session came from, where this device has seen it, and its language; neither holds the token.
 * @param {string} sessionId
 * @param {Origin} origin
 */
export function keepOrigin(sessionId, origin) {
  write(sessionPrefix(sessionId) + ORIGIN, JSON.stringify(origin));
}

/**
 * @param {string} sessionId
 * @returns {Origin | null}
 */
export const originOf = (sessionId) => readOrigin(sessionPrefix(sessionId) + ORIGIN);

/**
 * @param {string} key
 * @returns {Origin | null}
 */
const readOrigin = (key) => readJson(key);

/** The sessions whose words are due to be gone; whether they are is for the server to say. */
export function overdue() {
  const origins = keys(SESSIONS).filter((key) => key.endsWith(`:${ORIGIN}`));
  const due = origins.filter((key) => Date.parse(readOrigin(key)?.until ?? '') < Date.now());
  return due.map((key) => key.slice(SESSIONS.length, -ORIGIN.length - 1));
}

/**
 * Removes every trace of a session from this device.
 * @param {string} sessionId
 */
export function forgetSession(sessionId) {
  const linkKey = originOf(sessionId)?.linkKey;
  keys(sessionPrefix(sessionId)).forEach(remove);
  // A chat begun anew by the same link goes on by the same id.
  if (linkKey && !keys(SESSIONS).some((key) => key.endsWith(`:${ORIGIN}`) && readOrigin(key)?.linkKey === linkKey)) remove(linkKey);
}

/** A random UUID (version 4); `crypto.randomUUID` is missing on plain http, which local networks use. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/**
 * The key under which a link's client id is kept: a hash, so that the token itself is not stored.
 * @param {string} token
 */
export async function linkKey(token) {
  const bytes = new TextEncoder().encode(token);
  if (crypto.subtle) {
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    return `tempchat:link:${[...digest].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
  }
  // Plain http has no digest. 32 bits name the link among a person's few, and are too few to give back the token.
  const hash = bytes.reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
  return `tempchat:link:${hash.toString(16)}`;
}
