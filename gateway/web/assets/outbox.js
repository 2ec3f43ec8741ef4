/**
 * What the chatter wrote and the server does not have yet. Kept on the device, so that it survives a reload, and sent
 * in order, one at a time, by one tab. Each entry's id makes a repeat harmless: it arrives once.
 */

import { Problem } from './api.js';
import { serverTime } from './clock.js';
import { alone } from './locks.js';
import { keys, readJson, remove, sessionPrefix, uuid, write } from './storage.js';
import { arrivedIn, isAmong } from './store.js';

/** @import { ChatEvent, Outgoing, Pending } from '../contract.d.ts' */

const LONGEST_PAUSE_MS = 30_000;

/** @typedef {Pick<Pending, 'state' | 'reason' | 'errors' | 'eventId' | 'until'>} Progress */

export class Outbox {
  /** @type {Map<string, Progress>} */
  #progress = new Map();
  /** @type {Map<string, Outgoing>} accepted, until the log shows them */
  #accepted = new Map();
  #failures = 0;
  #sending = false;
  #timer = 0;

  /**
   * @param {string} sessionId
   * @param {(entry: Outgoing) => Promise<ChatEvent>} deliver
   * @param {(pending: Pending[], problem?: Problem) => void} onChange
   */
  constructor(sessionId, deliver, onChange) {
    this.prefix = `${sessionPrefix(sessionId)}out:`;
    this.deliver = deliver;
    this.onChange = onChange;
  }

  /** @param {Pick<Outgoing, 'message' | 'answer'>} content */
  add(content) {
    const last = this.pending().at(-1)?.at ?? 0;
    const entry = { id: uuid(), at: Math.max(serverTime(), last + 1), ...content };
    write(this.prefix + entry.id, JSON.stringify(entry));
    this.onChange(this.pending());
    this.flush();
  }

  /** Everything that is on its way, oldest first. @returns {Pending[]} */
  pending() {
    /** @type {Progress} what waits holds up all that comes behind it */
    let ahead = { state: 'sending' };
    return [...this.#accepted.values(), ...this.#kept()]
      .sort((one, other) => one.at - other.at)
      .map((entry) => {
        const progress = this.#progress.get(entry.id);
        if (progress?.state === 'waiting') ahead = progress;
        return { ...entry, ...ahead, ...progress };
      });
  }

  /** Tries now what waits or has failed. @param {string} id */
  retry(id) {
    this.#progress.delete(id);
    this.flush();
  }

  /** @param {string} id */
  discard(id) {
    remove(this.prefix + id);
    this.#progress.delete(id);
    this.onChange(this.pending());
  }

  /** Lets go of what the log now shows, also when the answer to its sending was lost. @param {ChatEvent[]} events */
  settle(events) {
    const pending = this.pending();
    if (!pending.length) return;
    const arrived = arrivedIn(events);
    for (const entry of pending) {
      if (!isAmong(arrived, entry)) continue;
      this.#accepted.delete(entry.id);
      this.discard(entry.id);
    }
  }

  /** Sends what waits, in order, unless that is going on already. */
  async flush() {
    clearTimeout(this.#timer);
    if (this.#sending) return;
    this.#sending = true;
    try {
      await alone(this.prefix, () => this.#sendAll());
    } finally {
      this.#sending = false;
    }
  }

  async #sendAll() {
    for (;;) {
      const entry = this.#kept().find(({ id }) => this.#progress.get(id)?.state !== 'failed');
      if (!entry) return;
      this.#set(entry.id, { state: 'sending' });
      try {
        const event = await this.deliver(entry);
        this.#failures = 0;
        this.#accepted.set(entry.id, entry);
        remove(this.prefix + entry.id);
        this.#set(entry.id, { state: 'sent', eventId: event.id });
      } catch (error) {
        const problem = error instanceof Problem ? error : new Problem(0, { code: 'unreachable' });
        if (!problem.passing) {
          this.#set(entry.id, { state: 'failed', reason: problem.code, errors: problem.errors }, problem);
          continue;
        }
        this.#failures += 1;
        const usual = Math.min(LONGEST_PAUSE_MS, 500 * 2 ** this.#failures) * (0.5 + Math.random() / 2);
        const pause = Math.max(usual, problem.retryAfterMs ?? 0);
        this.#set(entry.id, { state: 'waiting', reason: problem.code, until: Date.now() + pause });
        this.#timer = setTimeout(() => this.flush(), pause);
        return;
      }
    }
  }

  /** @returns {Outgoing[]} */
  #kept() {
    return keys(this.prefix)
      .map((key) => /** @type {Outgoing | null} */ (readJson(key)))
      .filter((entry) => entry !== null)
      .sort((one, other) => one.at - other.at);
  }

  /**
   * @param {string} id
   * @param {Progress} progress
   * @param {Problem} [problem]
   */
  #set(id, progress, problem) {
    this.#progress.set(id, progress);
    this.onChange(this.pending(), problem);
  }
}
