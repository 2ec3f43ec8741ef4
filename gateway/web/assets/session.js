/**
 * One chat as this page lives it: the state, fed by the stream and the outbox, and what the chatter may do.
 */

import { endSession, eraseSession, getMessages, getSession, postAnswer, postMessage } from './api.js';
import { millisecondsUntil } from './clock.js';
import { Outbox } from './outbox.js';
import { SharedStream } from './shared-stream.js';
import { Signals } from './signals.js';
import { forgetSession } from './storage.js';
import { initialState, newestFromAgent, reduce } from './store.js';

/** @import { ChatEvent, FieldChanges, Joined, Outgoing, Session, Verdict } from '../contract.d.ts' */
/** @import { Problem } from './api.js' */
/** @import { Action, State } from './store.js' */

/** An agent that says it is typing, and then nothing more, has stopped. */
const TYPING_FADES_MS = 10_000;
/** An ended chat has no stream any more: how often a page that is looked at asks whether its words are still there. */
const LOOKS_AGAIN_MS = 20_000;

export class LiveSession {
  /** @type {Set<(state: State) => void>} */
  #watchers = new Set();
  /** @type {SharedStream | undefined} */
  #stream;
  #typingTimer = 0;
  #erasureTimer = 0;
  #listening = new AbortController();

  /**
   * @param {Session} session
   * @param {(why: 'gone' | 'elsewhere', session: Session) => void} onLost the session is out of reach for good
   */
  constructor(session, onLost) {
    this.id = session.id;
    this.onLost = onLost;
    this.state = initialState(session);
    this.signals = new Signals(this.id);
    this.outbox = new Outbox(
      this.id,
      (entry) => this.#deliver(entry),
      (pending, problem) => {
        this.#dispatch({ type: 'pending', pending });
        if (problem) this.#refused(problem);
      },
    );
  }

  /**
   * Loads the chat, or takes what joining gave, then follows it.
   * @param {Joined} [joined]
   */
  async start(joined) {
    let cursor = joined?.next_cursor ?? null;
    if (joined && !joined.has_earlier) this.#dispatch({ type: 'history', events: joined.events });
    else cursor = await this.#loadHistory();
    this.#stream = new SharedStream(this.id, cursor, {
      onEvents: (events) => this.#onEvents(events),
      onSignal: (type, data) => this.#onSignal(type, data),
      onPage: (page) => {
        if (page.agent_state) this.#dispatch({ type: 'agent', state: page.agent_state });
        this.#agentTyping(page.typing === true);
      },
      onReset: () => this.#reload(),
      onConnection: (connection) => {
        const again = connection === 'live' && this.state.connection !== 'live';
        this.#dispatch({ type: 'connection', connection });
        if (again) this.outbox.flush();
        if (connection === 'live') this.markRead();
      },
      onRefused: (problem) => this.#refused(problem),
    });
    this.#listen();
    this.#dispatch({ type: 'pending', pending: this.outbox.pending() });
    this.outbox.flush();
    this.#watchForErasure();
  }

  stop() {
    this.#stream?.stop();
    this.#listening.abort();
    clearTimeout(this.#typingTimer);
    clearTimeout(this.#erasureTimer);
    this.#watchers.clear();
  }

  /** Aborts when the page lets go of this chat. */
  get closed() {
    return this.#listening.signal;
  }

  /** Calls `watcher` with the state now and after every change. @param {(state: State) => void} watcher */
  watch(watcher) {
    this.#watchers.add(watcher);
    watcher(this.state);
  }

  /** @param {string} text */
  send(text) {
    this.signals.stopTyping({ told: true });
    this.outbox.add({ message: text });
  }

  /**
   * @param {string} questionId
   * @param {FieldChanges} values
   */
  answer(questionId, values) {
    this.outbox.add({ answer: { question_id: questionId, values } });
  }

  /** @param {Verdict} answer */
  decide(answer) {
    this.outbox.add({ answer });
  }

  /** Tells the agent how far the chatter has read, if they can see it. */
  markRead() {
    const newest = newestFromAgent(this.state);
    const open = this.state.session.status === 'active' || this.state.session.status === 'idle';
    if (newest && open && document.visibilityState === 'visible') this.signals.read(newest.cursor);
  }

  /** Asks for the session as it is now: its time is up by the clock, or the phone slept past its end. */
  async refresh() {
    try {
      this.#dispatch({ type: 'session', session: (await getSession(this.id)).session });
    } catch (problem) {
      this.#refused(/** @type {Problem} */ (problem));
    }
  }

  /** @param {{ rating?: number, feedback?: string }} [opinion] */
  async end(opinion = {}) {
    await endSession(this.id, opinion);
    await this.refresh();
  }

  /** Deletes the chat on the server; while the server is not sure (202), asks again. */
  async erase() {
    for (let tries = 0; tries < 5; tries += 1) {
      const { status } = await eraseSession(this.id);
      if (status === 'erased') return this.#lose('gone');
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
    throw new Error('the deletion is not confirmed');
  }

  /** @param {Action} action */
  #dispatch(action) {
    const before = this.state;
    this.state = reduce(before, action);
    if (this.state !== before) this.#watchers.forEach((watcher) => watcher(this.state));
  }

  /** @param {Outgoing} entry */
  async #deliver({ id, message, answer }) {
    const { event } = answer
      ? await postAnswer(this.id, { client_message_id: id, ...answer })
      : await postMessage(this.id, { client_message_id: id, text: message ?? '' }, () => document.querySelector('.foot .proof'));
    // What can be sent can be heard.
    if (this.state.connection === 'offline') this.#stream?.wake(false);
    return event;
  }

  /** @param {ChatEvent[]} events */
  #onEvents(events) {
    this.#dispatch({ type: 'events', events });
    this.outbox.settle(events);
    if (events.some(({ type }) => type === 'erased')) this.#lose('gone');
    // When its words will be deleted is decided at the end.
    else if (events.some(({ type }) => type === 'session_ended')) this.refresh().then(() => this.#watchForErasure());
  }

  /**
   * @param {string} type
   * @param {any} data
   */
  #onSignal(type, data) {
    if (type === 'typing' && data.by !== 'chatter') this.#agentTyping(data.typing);
    if (type === 'presence' && data.who !== 'chatter') this.#dispatch({ type: 'agent', state: data.state });
  }

  /** @param {boolean} typing */
  #agentTyping(typing) {
    clearTimeout(this.#typingTimer);
    if (typing) this.#typingTimer = setTimeout(() => this.#agentTyping(false), TYPING_FADES_MS);
    if (typing !== this.state.agentTyping) this.#dispatch({ type: 'agent_typing', typing });
  }

  async #reload() {
    this.#dispatch({ type: 'session', session: (await getSession(this.id)).session });
    return this.#loadHistory();
  }

  /** Reads the whole log, page by page, and gives the cursor behind it. */
  async #loadHistory() {
    /** @type {ChatEvent[]} */
    const events = [];
    /** @type {string | null} */
    let after = null;
    for (let more = true; more; ) {
      const page = await getMessages(this.id, { after });
      events.push(...page.events);
      after = page.next_cursor ?? after;
      more = page.has_more;
    }
    this.#dispatch({ type: 'history', events });
    this.outbox.settle(events);
    return after;
  }

  /** Catches up whenever the page may have missed something. */
  #listen() {
    const { signal } = this.#listening;
    const wake = (/** @type {boolean} */ changed) => {
      this.#stream?.wake(changed);
      this.outbox.flush();
      this.markRead();
      if (this.state.session.status === 'ended') this.refresh();
    };
    addEventListener('online', () => wake(true), { signal });
    addEventListener('offline', () => this.#dispatch({ type: 'connection', connection: 'offline' }), { signal });
    addEventListener('pageshow', ({ persisted }) => persisted && wake(true), { signal });
    document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && wake(false), { signal });
    // Another tab of this chat wrote or sent something.
    addEventListener('storage', ({ key }) => {
      if (key?.startsWith(this.outbox.prefix)) this.#dispatch({ type: 'pending', pending: this.outbox.pending() });
    }, { signal });
  }

  /** The stream is over after the end; the page itself sees to it that nothing outlives the deletion here. */
  #watchForErasure() {
    const { status, erase_at } = this.state.session;
    clearTimeout(this.#erasureTimer);
    if (status !== 'ended' || !erase_at || this.closed.aborted) return;
    const delay = Math.max(0, millisecondsUntil(erase_at)) + 2000;
    this.#erasureTimer = setTimeout(async () => {
      // Someone may have deleted it before its time; a page that nobody sees asks when it is due, and when it is seen again.
      if (delay <= LOOKS_AGAIN_MS || document.visibilityState === 'visible') await this.refresh();
      this.#watchForErasure();
    }, Math.min(delay, LOOKS_AGAIN_MS));
  }

  /** @param {Problem} problem */
  #refused(problem) {
    if (problem.code === 'session_erased') this.#lose('gone');
    else if (problem.code === 'session_unknown') this.#lose('elsewhere');
    else if (problem.code === 'session_ended' && this.state.session.status !== 'ended') this.refresh();
  }

  /** @param {'gone' | 'elsewhere'} why */
  #lose(why) {
    const { session } = this.state;
    this.stop();
    forgetSession(this.id);
    this.onLost(why, session);
  }
}
