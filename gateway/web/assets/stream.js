/**
 * Keeps a session's events coming: the event stream where it works, the long poll where a proxy holds it back, and
 * back again; the same cursor throughout, so that nothing is missed and what comes twice is known by its id.
 */

import { Problem, getMessages, isEventStream, isNothingMore, openStream, problemOf } from './api.js';
import { serverEvents } from './sse.js';

/** @import { ChatEvent, Page } from '../contract.d.ts' */
/** @import { ServerEvent } from './sse.js' */

/** No byte for this long after opening: something between us holds the stream back. */
const FIRST_BYTE_MS = 4_000;
/** The server says that it is alive two or three seconds after the beginning: without that, what follows is held back. */
const SECOND_BYTE_MS = 8_000;
/** No byte for this long on an open stream, heartbeats included: it is dead, or held back. */
const SILENCE_MS = 40_000;
/** A stream that was silent for this long while the phone slept is not trusted after it. */
const DOUBT_MS = 20_000;
/** A stream that ends so soon is cut by something; after some of them in a row it is doubted. */
const SHORT_MS = 8_000;
const SHORT_ONES = 3;
/** How long to poll before the stream is tried again: at first, and at most. */
const POLLING_MS = 30_000;
const LONGEST_POLLING_MS = 300_000;
/** How long a poll may wait, in seconds. Where proxies cut it, it waits for half as long, and in the end not at all. */
const LONGEST_WAIT = 25;
/** A poll that fails later than this was cut while it waited. */
const CUT_MS = 2_500;
/** How long to pause between polls that do not wait. */
const POLL_PAUSE_MS = 3_000;
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
  /** The stream failed in a way that says nothing about the network: a poll that does not wait tells which of the two it is. */
  #doubted = false;
  #pollingUntil = 0;
  /** How often in a row the stream failed where polls work. */
  #doubts = 0;
  #shortOnes = 0;
  #wait = LONGEST_WAIT;
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
    // Another network may let the stream through.
    if (changed) this.#trust();
    if (changed || Date.now() - this.#lastByte > DOUBT_MS) this.#abort.abort();
    this.#endNap();
  }

  async #run() {
    while (!this.#stopped) {
      this.#abort = new AbortController();
      try {
        if (this.#doubted || Date.now() < this.#pollingUntil) await this.#poll();
        else await this.#listen();
      } catch (error) {
        if (this.#stopped) return;
        await this.#recover(error);
      }
    }
  }

  /** Follows the event stream until it ends. */
  async #listen() {
    const abort = this.#abort;
    const began = Date.now();
    let pieces = 0;
    const giveUp = () => {
      this.#doubted = true;
      abort.abort();
    };
    let timer = setTimeout(giveUp, FIRST_BYTE_MS);
    const onBytes = () => {
      pieces += 1;
      if (pieces > 1) this.#trust();
      clearTimeout(timer);
      timer = setTimeout(giveUp, pieces > 1 ? SILENCE_MS : SECOND_BYTE_MS);
      this.#succeeded();
    };
    try {
      const response = await openStream(this.sessionId, this.cursor, abort.signal);
      if (isNothingMore(response)) {
        this.stop();
        this.listener.onOver?.();
        return undefined;
      }
      if (!isEventStream(response) || !response.body) throw await problemOf(response);
      for await (const blocks of serverEvents(response.body, onBytes)) {
        if (this.#deliver(blocks)) continue;
        await this.#reset();
        break;
      }
    } catch (error) {
      if (pieces || abort.signal.aborted || (error instanceof Problem && (error.isFinal || error.isOfCursor))) throw error;
      // Refused, blocked, or no stream at all; where it is our own server that says when to come again, later.
      this.#doubted = true;
      return this.#nap(error instanceof Problem && error.isOurs ? Math.min(error.retryAfterMs ?? 0, LONGEST_PAUSE_MS) : 0);
    } finally {
      clearTimeout(timer);
      this.#shortOnes = Date.now() - began < SHORT_MS && !abort.signal.aborted ? this.#shortOnes + 1 : 0;
      if (this.#shortOnes >= SHORT_ONES) this.#doubted = true;
    }
    if (!pieces) this.#doubted = true;
    // Ended in peace, by a reset, a restart or a limit on its age: a pause keeps everyone from returning at once.
    return this.#nap(this.#retryMs * (0.5 + Math.random()));
  }

  async #poll() {
    const wait = this.#doubted ? 0 : this.#wait;
    const began = Date.now();
    try {
      const page = await getMessages(this.sessionId, { after: this.cursor, wait, signal: this.#abort.signal });
      // Whatever answers for us, a network's sign-in page perhaps, is no connection.
      if (!Array.isArray(page?.events)) throw new Problem(0, { code: 'unreachable' });
      if (this.#doubted) this.#followByPolls();
      this.#succeeded();
      this.listener.onEvents(page.events);
      this.cursor = page.next_cursor ?? this.cursor;
      this.listener.onPage(page);
      if (wait || page.has_more || this.#wait) return undefined;
    } catch (error) {
      const wasCut = wait && error instanceof Problem && error.passing && Date.now() - began > CUT_MS;
      if (!wasCut || this.#stopped) throw error;
      this.#wait = wait > LONGEST_WAIT / 8 ? Math.floor(wait / 2) : 0;
      return undefined;
    }
    return this.#nap(POLL_PAUSE_MS * (0.75 + Math.random() / 2));
  }

  /** The network works, the stream does not: it is tried again later, and each time later still. */
  #followByPolls() {
    this.#doubted = false;
    this.#shortOnes = 0;
    this.#pollingUntil = Date.now() + Math.min(LONGEST_POLLING_MS, POLLING_MS * 2 ** this.#doubts) * (0.75 + Math.random() / 2);
    this.#doubts += 1;
  }

  /** The stream works, or may work again. */
  #trust() {
    this.#doubted = false;
    this.#doubts = 0;
    this.#pollingUntil = 0;
    this.#wait = LONGEST_WAIT;
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
    if (problem?.isOfCursor) {
      // Should this fail too, the next attempt is refused again and comes back here, after the pause.
      await this.#reset().catch(() => {});
    }
    // Aborted by ourselves, to wake or to turn to polling: on at once.
    if (!problem && this.#abort.signal.aborted) return;
    // Neither polls nor, perhaps, the stream: once the network is there again, the stream is tried first.
    this.#doubted = false;
    this.#failures += 1;
    const lost = !navigator.onLine || this.#failures > 1;
    this.listener.onConnection(lost ? 'offline' : 'connecting');
    const pause = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
    await this.#nap(Math.max(pause, problem?.isOurs ? problem.retryAfterMs ?? 0 : 0));
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
