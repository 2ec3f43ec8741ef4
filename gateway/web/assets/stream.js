/**
 * Keeps a session's events coming: the event stream where it works, the long poll where a proxy holds it back, and
 * back again; the same cursor throughout, so that nothing is missed and what comes twice is known by its id.
 */

import { Problem, getMessages, openStream, problemOf } from './api.js';
import { serverEvents } from './sse.js';

/** @import { ChatEvent, Page } from '../contract.d.ts' */
/** @import { ServerEvent } from './sse.js' */

/** No byte for this long after opening: something between us holds the stream back. */
const FIRST_BYTE_MS = 4_000;
/** No byte for this long on an open stream, heartbeats included: it is dead. */
const SILENCE_MS = 60_000;
/** A stream that was silent for this long while the phone slept is not trusted after it. */
const DOUBT_MS = 20_000;
/** How long to poll before the stream is tried again. */
const POLLING_MS = 120_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * @typedef {object} Listener
 * @property {(events: ChatEvent[]) => void} onEvents durable, in the log's order; what came together, together
 * @property {(type: string, data: any) => void} onSignal ephemeral: typing, presence
 * @property {(page: Page) => void} onPage what a poll says beside its events
 * @property {() => Promise<string | null>} onReset loads everything anew and gives the cursor to go on from
 * @property {(connection: 'live' | 'connecting' | 'offline') => void} onConnection
 * @property {(problem: Problem) => void} onRefused the session is out of reach for good
 * @property {() => void} [onOver] nothing will come any more
 */

export class Stream {
  #stopped = false;
  #pollingUntil = 0;
  #lastByte = 0;
  #failures = 0;
  #retryMs = 500;
  #abort = new AbortController();
  #endNap = () => {};

  /**
   * @param {string} sessionId
   * @param {string | null} cursor
   * @param {Listener} listener
   */
  constructor(sessionId, cursor, listener) {
    this.sessionId = sessionId;
    this.cursor = cursor;
    this.listener = listener;
    this.#run();
  }

  stop() {
    this.#stopped = true;
    this.#abort.abort();
    this.#endNap();
  }

  /**
   * Catches up now: the phone woke, the page came back, or the network did (`changed`).
   * @param {boolean} changed
   */
  wake(changed) {
    this.#failures = 0;
    if (changed || Date.now() - this.#lastByte > DOUBT_MS) this.#abort.abort();
    this.#endNap();
  }

  async #run() {
    while (!this.#stopped) {
      this.#abort = new AbortController();
      try {
        if (Date.now() < this.#pollingUntil) await this.#poll();
        else await this.#listen();
      } catch (error) {
        if (this.#stopped) return;
        await this.#recover(error);
      }
    }
  }

  /** Follows the event stream until it ends; a stream without a first byte turns to polling. */
  async #listen() {
    const abort = this.#abort;
    let timer = setTimeout(() => {
      this.#pollingUntil = Date.now() + POLLING_MS;
      abort.abort();
    }, FIRST_BYTE_MS);
    const onBytes = () => {
      clearTimeout(timer);
      timer = setTimeout(() => abort.abort(), SILENCE_MS);
      this.#succeeded();
    };
    try {
      const response = await openStream(this.sessionId, this.cursor, abort.signal);
      if (response.status === 204) {
        this.stop();
        this.listener.onOver?.();
        return undefined;
      }
      if (!response.ok || !response.body) throw await problemOf(response);
      for await (const blocks of serverEvents(response.body, onBytes)) {
        if (this.#deliver(blocks)) continue;
        await this.#reset();
        break;
      }
    } finally {
      clearTimeout(timer);
    }
    // Ended in peace, by a reset, a restart or a limit on its age: a pause keeps everyone from returning at once.
    return this.#nap(this.#retryMs * (0.5 + Math.random()));
  }

  async #poll() {
    const page = await getMessages(this.sessionId, { after: this.cursor, wait: 25, signal: this.#abort.signal });
    this.#succeeded();
    this.listener.onEvents(page.events);
    this.cursor = page.next_cursor ?? this.cursor;
    this.listener.onPage(page);
  }

  /**
   * Hands on what came, events that follow each other as one; tells whether the cursor is still good. It moves only past what was
   * handed on.
   * @param {ServerEvent[]} blocks
   */
  #deliver(blocks) {
    /** @type {ChatEvent[]} */
    let events = [];
    let cursor = this.cursor;
    const handOn = () => {
      if (events.length) this.listener.onEvents(events);
      events = [];
      this.cursor = cursor;
    };
    for (const { id, type, data, retry } of blocks) {
      if (retry) this.#retryMs = retry;
      if (type === 'reset') {
        handOn();
        return false;
      }
      const value = data === undefined ? undefined : JSON.parse(data);
      if (value?.cursor && value.id) {
        events.push(value);
      } else if (value) {
        handOn();
        this.listener.onSignal(type, value);
      }
      cursor = id || cursor;
    }
    handOn();
    return true;
  }

  async #reset() {
    this.cursor = await this.listener.onReset();
  }

  #succeeded() {
    this.#lastByte = Date.now();
    this.#failures = 0;
    this.listener.onConnection('live');
  }

  /**
   * Decides what a broken stream or poll means, and waits before the next.
   * @param {unknown} error
   */
  async #recover(error) {
    const problem = error instanceof Problem ? error : null;
    if (problem?.isFinal) {
      this.stop();
      this.listener.onRefused(problem);
      return;
    }
    if (problem?.code === 'cursor_reset' || problem?.code === 'cursor_invalid') {
      // Should this fail too, the next attempt is refused again and comes back here, after the pause.
      await this.#reset().catch(() => {});
    }
    // Aborted by ourselves, to wake or to turn to polling: on at once.
    if (!problem && this.#abort.signal.aborted) return;
    this.#failures += 1;
    const lost = !navigator.onLine || this.#failures > 1;
    this.listener.onConnection(lost ? 'offline' : 'connecting');
    const pause = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    await this.#nap(Math.max(pause, problem?.retryAfterMs ?? 0));
  }

  /** @param {number} ms */
  #nap(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endNap = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }
}
