/**
 * The two small signals a chatter gives without pressing anything: that they are writing, and how far they have read.
 * Both are courtesies: sparse, and dropped rather than queued when the network is away.
 */

import { Problem, postRead, postTyping } from './api.js';

const TYPING_EVERY_MS = 4_000;
const TYPING_ENDS_MS = 6_000;
const READ_EVERY_MS = 2_000;

export class Signals {
  #typingSent = 0;
  #isTyping = false;
  #typingTimer = 0;
  /** @type {string | undefined} */
  #read;
  /** @type {string | undefined} */
  #toRead;
  #reading = false;

  /** @param {string} sessionId */
  constructor(sessionId) {
    this.sessionId = sessionId;
  }

  /** Tells the agent that the chatter is writing, at most every four seconds. */
  typing() {
    clearTimeout(this.#typingTimer);
    this.#typingTimer = setTimeout(() => this.stopTyping(), TYPING_ENDS_MS);
    if (Date.now() - this.#typingSent < TYPING_EVERY_MS) return;
    this.#typingSent = Date.now();
    this.#isTyping = true;
    postTyping(this.sessionId, true).catch(() => {});
  }

  /** Takes the typing back; after a message that is the server's own conclusion (`told`). */
  stopTyping({ told = false } = {}) {
    clearTimeout(this.#typingTimer);
    if (this.#isTyping && !told) postTyping(this.sessionId, false).catch(() => {});
    this.#isTyping = false;
  }

  /** Marks everything up to an event as read. @param {string} cursor */
  async read(cursor) {
    this.#toRead = cursor;
    if (this.#reading) return;
    this.#reading = true;
    while (this.#toRead !== this.#read && document.visibilityState === 'visible') {
      const upto = this.#toRead;
      let pause = READ_EVERY_MS;
      try {
        await postRead(this.sessionId, upto);
        this.#read = upto;
      } catch (error) {
        if (!(error instanceof Problem && error.status === 429)) break;
        pause = Math.max(pause, error.retryAfterMs ?? 0);
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
    this.#reading = false;
  }
}
