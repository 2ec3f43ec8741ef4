/**
 * The chatter's side of the public contract over HTTP: JSON in, JSON out, every refusal a `Problem`.
 */

import { base } from './base.js';
import { carrier } from './carrier.js';
import { learnTime } from './clock.js';

/** @import { ChatEvent, FieldChanges, Handoff, Inspection, Joined, Page, ProblemBody, Proof, Session, Verdict } from '../contract.d.ts' */

const BASE = `${base}api/v1`;
const PATIENCE_MS = 15_000;

/** A refusal by the server, or its silence (`code` is then `unreachable` or `timeout`, and `status` 0). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {ProblemBody} body
   * @param {number} [retryAfterMs]
   */
  constructor(status, body, retryAfterMs) {
    super(body.detail ?? body.title ?? body.code);
    this.status = status;
    this.code = body.code ?? 'unknown';
    this.errors = body.errors ?? [];
    this.challenge = body.challenge;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same request may succeed later without the person doing anything. */
  get passing() {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }

  /** Whether our server says it, and no proxy in between. */
  get isOurs() {
    return this.code !== 'unknown';
  }

  /** Whether it is about the place from which to go on. */
  get isOfCursor() {
    return this.code === 'cursor_reset' || this.code === 'cursor_invalid';
  }

  /** Whether this device can no longer reach the session, now or ever. */
  get isFinal() {
    return this.code === 'session_erased' || this.code === 'session_unknown';
  }
}

/**
 * Reads a refusal; a body that is no problem (a proxy's page) still gives one.
 * @param {Response} response
 */
export async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const after = response.headers.get('Retry-After');
  return new Problem(response.status, body, after === null ? undefined : retryAfterMs(after));
}

/** @param {string} value seconds or an HTTP date */
function retryAfterMs(value) {
  const seconds = Number(value);
  return Math.max(0, Number.isNaN(seconds) ? Date.parse(value) - Date.now() || 0 : seconds * 1000);
}

/**
 * @param {'GET' | 'POST' | 'DELETE'} method
 * @param {string} path below `/api/v1`
 * @param {{ body?: object, signal?: AbortSignal, patience?: number }} [options]
 * @returns {Promise<any>} the answer's JSON; `null` where there is none
 */
async function call(method, path, { body, signal, patience = PATIENCE_MS } = {}) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), patience);
  const stop = () => abort.abort();
  if (signal?.aborted) stop();
  // Taken away again below: a signal may outlive any number of requests.
  signal?.addEventListener('abort', stop);
  try {
    const response = await fetch(BASE + path, {
      method,
      headers: { ...carrier.headersFor(path), ...(body && { 'Content-Type': 'application/json' }) },
      body: body ? JSON.stringify(body) : undefined,
      cache: 'no-store',
      signal: abort.signal,
    });
    if (!response.ok) throw await problemOf(response);
    if (response.status === 204) return null;
    const answer = await response.json();
    if (answer.now) learnTime(answer.now);
    return answer;
  } catch (error) {
    if (error instanceof Problem || signal?.aborted) throw error;
    throw new Problem(0, { code: abort.signal.aborted ? 'timeout' : 'unreachable' });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

/**
 * Sends what may cost proof of work, and pays as often as the price has gone up meanwhile.
 * @param {string} path
 * @param {object} body
 * @param {() => Element | null | undefined} place where the work is shown; without a place the refusal stands
 * @param {'proof.working' | 'proof.suspected'} why what is said of it there
 * @param {Proof} [proof]
 * @returns {Promise<any>}
 */
async function callPaying(path, body, place, why, proof) {
  try {
    return await call('POST', path, { body: { ...body, proof } });
  } catch (problem) {
    const shown = problem instanceof Problem && problem.challenge && place();
    if (!(problem instanceof Problem && problem.challenge && shown)) throw problem;
    const { prove } = await import('./proof.js');
    const found = await prove(problem.challenge, shown, why);
    if (!found) throw new Problem(problem.status, { code: 'called_off' });
    return callPaying(path, body, place, why, found);
  }
}

/** @param {string} sessionId */
const at = (sessionId) => `/sessions/${encodeURIComponent(sessionId)}`;

/**
 * @param {{ token: string, client_id: string }} body
 * @returns {Promise<Inspection>}
 */
export const inspectLink = (body) => call('POST', '/links/inspect', { body });

/**
 * @param {{ token: string, client_id: string, display_name?: string, passcode?: string, start_new?: boolean }} body
 * @param {Element} [place] where work is shown that a guess may cost
 * @returns {Promise<Joined>}
 */
export const joinSession = (body, place) => enterSession(body, place);

/**
 * Goes on with a chat of another device.
 * @param {{ client_id: string, handoff_code: string }} body
 * @param {Element} [place] where work is shown that a guess may cost
 * @returns {Promise<Joined>}
 */
export const takeHandoff = (body, place) => enterSession(body, place);

/**
 * Enters, and keeps the credential.
 * @param {object} body
 * @param {Element} [place]
 * @returns {Promise<Joined>}
 */
async function enterSession(body, place) {
  const joined = await callPaying('/sessions', { ...body, credential: carrier.credential }, () => place, 'proof.working');
  carrier.keep(joined);
  return joined;
}

/**
 * @param {string} id
 * @returns {Promise<{ session: Session }>}
 */
export const getSession = (id) => call('GET', at(id));

/**
 * One page of durable events after a cursor, or from the beginning; `wait` makes it the long poll.
 * @param {string} id
 * @param {{ after?: string | null, wait?: number, signal?: AbortSignal }} options `wait` in seconds, at most 25
 * @returns {Promise<Page>}
 */
export function getMessages(id, { after, wait = 0, signal }) {
  const query = new URLSearchParams({ limit: '100' });
  if (after) query.set('after', after);
  if (wait) query.set('wait', String(wait));
  return call('GET', `${at(id)}/messages?${query}`, { signal, patience: wait ? wait * 1000 + 8_000 : PATIENCE_MS });
}

/**
 * Opens the event stream. `fetch` and not `EventSource`, because it shows what a phone on a bad network needs to
 * know: the status of a refusal, and every byte, so that a dead or buffered stream is noticed.
 * @param {string} id
 * @param {string | null} after
 * @param {AbortSignal} signal
 */
export function openStream(id, after, signal) {
  const query = after ? `?${new URLSearchParams({ after })}` : '';
  return fetch(`${BASE}${at(id)}/events${query}`, {
    headers: { Accept: 'text/event-stream', ...carrier.headersFor(at(id)) },
    cache: 'no-store',
    signal,
  });
}

/**
 * Whether a stream was opened: proxies and networks answer with pages of their own, with status 200 too.
 * @param {Response} response
 */
export const isEventStream = (response) =>
  response.ok && (response.headers.get('Content-Type') ?? '').startsWith('text/event-stream');

/**
 * Whether our server says that nothing will come any more; filters answer with the same status what they block.
 * @param {Response} response
 */
export const isNothingMore = (response) => response.status === 204 && response.headers.has('X-Request-Id');

/**
 * @param {string} id
 * @param {{ client_message_id: string, text: string }} body
 * @param {() => Element | null | undefined} place where work is shown that a message may cost
 * @returns {Promise<{ event: ChatEvent }>}
 */
export const postMessage = (id, body, place) => callPaying(`${at(id)}/messages`, body, place, 'proof.suspected');

/**
 * @param {string} id
 * @param {{ client_message_id: string, question_id: string, values: FieldChanges } | { client_message_id: string } & Verdict} body
 * @returns {Promise<{ event: ChatEvent }>}
 */
export const postAnswer = (id, body) => call('POST', `${at(id)}/${'verdict' in body ? 'decisions' : 'answers'}`, { body });

/**
 * @param {string} id
 * @param {boolean} typing
 */
export const postTyping = (id, typing) => call('POST', `${at(id)}/typing`, { body: { typing } });

/**
 * @param {string} id
 * @param {string} upto
 */
export const postRead = (id, upto) => call('POST', `${at(id)}/read`, { body: { upto } });

/**
 * Ends the chat; afterwards, gives a rating once.
 * @param {string} id
 * @param {{ rating?: number, feedback?: string }} body
 */
export const endSession = (id, body) => call('POST', `${at(id)}/end`, { body });

/**
 * Destroys the session's key; answers once it is destroyed.
 * @param {string} id
 * @returns {Promise<{ status: string }>}
 */
export const eraseSession = (id) => call('DELETE', at(id), { patience: 30_000 });

/**
 * Asks for a code that lets another device in; the one before it is void.
 * @param {string} id
 * @returns {Promise<Handoff>}
 */
export const offerHandoff = (id) => call('POST', `${at(id)}/handoff`);

/**
 * Gives up this device's way into the session.
 * @param {string} id
 */
export const forgetDevice = (id) => call('POST', `${at(id)}/forget`);

/**
 * Tells the operator what is wrong with the chat; the agent does not hear of it.
 * @param {string} id
 * @param {string} reason
 */
export const reportSession = (id, reason) => call('POST', `${at(id)}/report`, { body: { reason } });

/**
 * Fetches a transcript: in a frame, where a plain link would show no credential.
 * @param {string} id
 * @param {'txt' | 'md'} format
 */
export async function fetchTranscript(id, format) {
  const response = await fetch(transcriptUrl(id, format), { headers: carrier.headersFor(at(id)), cache: 'no-store' });
  if (!response.ok) throw await problemOf(response);
  return response.blob();
}

/**
 * @param {string} id
 * @param {'txt' | 'md'} format
 */
export const transcriptUrl = (id, format) => `${BASE}${at(id)}/transcript?format=${format}`;
