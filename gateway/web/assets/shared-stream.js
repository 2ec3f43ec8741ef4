/**
 * One stream for all tabs of a browser that show the same chat: over HTTP/1.1 a browser has six connections to a server.
 * The tab that holds the lock follows the server and passes on what it hears. The others listen to it, catch up by
 * themselves whenever they may have missed something, and take the lead when it closes or a phone has frozen it.
 */

import { Problem, getMessages } from './api.js';
import { wasLetGo } from './locks.js';
import { Stream } from './stream.js';

/** @import { ChatEvent, Page } from '../contract.d.ts' */
/** @import { Listener } from './stream.js' */

/** The leading tab answers at once; so long is enough for a busy one. */
const ANSWER_MS = 3_000;
/** The server's heartbeats pass through the leading tab: without any for this long it is no longer there. */
const SILENCE_MS = 60_000;

/**
 * @typedef {{ hello: true }
 *   | { wake: boolean }
 *   | { event: ChatEvent }
 *   | { signal: { type: string, data: any } }
 *   | { page: Pick<Page, 'agent_state' | 'typing'> }
 *   | { reset: true }
 *   | { connection: 'live' | 'connecting' | 'offline' }
 *   | { over: true }
 *   | { refused: { status: number, code: string } }} Word what tabs tell each other
 */

export class SharedStream {
  /** @type {Stream | undefined} while this tab leads */
  #stream;
  /** @type {BroadcastChannel | undefined} */
  #channel;
  #release = () => {};
  #leaving = new AbortController();
  #watchdog = 0;
  /** @type {'live' | 'connecting' | 'offline'} */
  #connection = 'connecting';
  /** @type {ChatEvent[] | null} what came while this tab catches up */
  #meanwhile = null;
  /** Whether something may have been missed: what is passed on is of no use before this tab has caught up. */
  #behind = true;
  /** The session has ended, and all is told: no tab need lead any more. */
  #over = false;

  /**
   * @param {string} sessionId
   * @param {string | null} cursor
   * @param {Listener} listener
   */
  constructor(sessionId, cursor, listener) {
    this.sessionId = sessionId;
    this.cursor = cursor;
    this.listener = listener;
    this.name = `tempchat:stream:${sessionId}`;
    if (!navigator.locks || !window.BroadcastChannel) {
      // Plain http on a local network.
      this.#goAlone();
      return;
    }
    this.#channel = new BroadcastChannel(this.name);
    this.#channel.onmessage = ({ data }) => (this.#stream ? this.#answer(data) : this.#hear(data));
    this.#queue();
    this.#tell({ hello: true });
    this.#expect(ANSWER_MS);
  }

  stop() {
    this.#leaving.abort();
    clearTimeout(this.#watchdog);
    this.#stream?.stop();
    this.#channel?.close();
    this.#channel = undefined;
    this.#release();
  }

  /**
   * Catches up now: the phone woke, the page came back, or the network did (`changed`).
   * @param {boolean} changed
   */
  wake(changed) {
    if (this.#stream) return this.#stream.wake(changed);
    this.#tell({ wake: changed });
    this.#expect(ANSWER_MS);
    this.#catchUp();
  }

  /** Waits for the lead; `steal` takes it from a tab that does not answer. */
  async #queue({ steal = false } = {}) {
    const options = steal ? { steal } : { signal: this.#leaving.signal };
    try {
      await navigator.locks.request(this.name, options, () => this.#lead());
    } catch (error) {
      if (this.#leaving.signal.aborted) return;
      if (!wasLetGo(error)) return this.#goAlone();
      // Stolen, because this tab slept.
      this.#follow();
      this.#queue();
    }
  }

  /** Leads until this tab lets go. */
  #lead() {
    if (this.#leaving.signal.aborted) return undefined;
    clearTimeout(this.#watchdog);
    const { listener } = this;
    this.#stream = new Stream(this.sessionId, this.cursor, {
      onEvents: (events) => {
        listener.onEvents(events);
        events.forEach((event) => this.#tell({ event }));
      },
      onSignal: (type, data) => {
        listener.onSignal(type, data);
        this.#tell({ signal: { type, data } });
      },
      onPage: (page) => {
        listener.onPage(page);
        this.#tell({ page: { agent_state: page.agent_state, typing: page.typing } });
      },
      onReset: async () => {
        const cursor = await listener.onReset();
        this.#tell({ reset: true });
        return cursor;
      },
      onConnection: (connection) => {
        this.#connection = connection;
        listener.onConnection(connection);
        this.#tell({ connection });
      },
      onRefused: (problem) => {
        this.#tell({ refused: { status: problem.status, code: problem.code } });
        listener.onRefused(problem);
      },
      onOver: () => {
        this.#over = true;
        this.#tell({ over: true });
      },
    });
    return new Promise((resolve) => {
      this.#release = () => resolve(undefined);
    });
  }

  /** Follows the server without other tabs. */
  #goAlone() {
    clearTimeout(this.#watchdog);
    this.#channel?.close();
    this.#channel = undefined;
    this.#stream ??= new Stream(this.sessionId, this.cursor, this.listener);
  }

  #follow() {
    this.cursor = this.#stream?.cursor ?? this.cursor;
    this.#stream?.stop();
    this.#stream = undefined;
    this.#expect(SILENCE_MS);
    this.#catchUp();
  }

  /** @param {Word} word */
  #tell(word) {
    this.#channel?.postMessage(word);
  }

  /** The leading tab's part. @param {Word} word */
  #answer(word) {
    if ('wake' in word) this.#stream?.wake(word.wake);
    if ('wake' in word || 'hello' in word) this.#tell(this.#over ? { over: true } : { connection: this.#connection });
  }

  /** The other tabs' part. @param {Word} word */
  #hear(word) {
    if ('hello' in word || 'wake' in word) return;
    this.#expect(SILENCE_MS);
    if ('event' in word) this.#take([word.event]);
    else if ('signal' in word) this.listener.onSignal(word.signal.type, word.signal.data);
    else if ('page' in word) this.listener.onPage(/** @type {Page} */ (word.page));
    else if ('reset' in word) this.#reset();
    else if ('over' in word) this.#rest();
    else if ('refused' in word) this.listener.onRefused(new Problem(word.refused.status, word.refused));
    else {
      this.#connection = word.connection;
      this.listener.onConnection(word.connection);
      if (word.connection === 'live' && this.#behind) this.#catchUp();
    }
  }

  /** Reads what is left, and waits for no word any more. */
  #rest() {
    this.#over = true;
    clearTimeout(this.#watchdog);
    this.listener.onConnection('live');
    this.#catchUp();
  }

  /** Takes the lead unless a word of the leading tab comes in time. @param {number} ms */
  #expect(ms) {
    clearTimeout(this.#watchdog);
    if (this.#over) return;
    this.#watchdog = setTimeout(() => this.#stream || this.#queue({ steal: true }), ms);
  }

  /** @param {ChatEvent[]} events */
  #take(events) {
    if (this.#meanwhile) {
      this.#meanwhile.push(...events);
    } else if (!this.#behind && events.length) {
      this.cursor = events.at(-1)?.cursor ?? this.cursor;
      this.listener.onEvents(events);
    }
  }

  /** Reads what came since the last event that this tab knows; what comes meanwhile waits behind it. */
  async #catchUp() {
    if (this.#meanwhile) return;
    this.#meanwhile = [];
    this.#behind = false;
    try {
      for (let more = true; more; ) {
        const page = await getMessages(this.sessionId, { after: this.cursor, signal: this.#leaving.signal });
        this.listener.onEvents(page.events);
        this.cursor = page.next_cursor ?? this.cursor;
        more = page.has_more;
      }
    } catch (error) {
      if (this.#leaving.signal.aborted) return;
      if (error instanceof Problem && error.isFinal) return this.listener.onRefused(error);
      if (error instanceof Problem && error.code === 'cursor_reset') await this.#reset();
      else this.#behind = true;
    }
    const waiting = this.#meanwhile;
    this.#meanwhile = null;
    this.#take(waiting);
  }

  async #reset() {
    try {
      this.cursor = await this.listener.onReset();
    } catch {
      this.#behind = true;
    }
  }
}
