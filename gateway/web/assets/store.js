/**
 * The state of a chat and how events change it. Pure: the same events give the same state.
 */

/** @import { AgentState, Answered, ChatEvent, EventOf, Pending, Session } from '../contract.d.ts' */

/**
 * @typedef {object} State
 * @property {Session} session
 * @property {ChatEvent[]} log every durable event, in the log's order
 * @property {Pending[]} pending what the chatter wrote and the log does not show yet
 * @property {boolean} agentTyping
 * @property {'live' | 'connecting' | 'offline'} connection
 */

/**
 * @typedef {{ type: 'session', session: Session }
 *   | { type: 'history', events: ChatEvent[] }
 *   | { type: 'events', events: ChatEvent[] }
 *   | { type: 'pending', pending: Pending[] }
 *   | { type: 'agent', state: AgentState }
 *   | { type: 'agent_typing', typing: boolean }
 *   | { type: 'connection', connection: State['connection'] }} Action
 */

/**
 * @param {Session} session
 * @returns {State}
 */
export function initialState(session) {
  return { session, log: [], pending: [], agentTyping: false, connection: 'connecting' };
}

/**
 * An action that changes nothing gives the same object.
 * @param {State} state
 * @param {Action} action
 * @returns {State}
 */
export function reduce(state, action) {
  switch (action.type) {
    case 'session':
      return { ...state, session: action.session };
    case 'history':
      return append({ ...state, log: [] }, action.events).state;
    case 'events': {
      const { state: next, fresh } = append(state, action.events);
      return fresh.reduce(live, next);
    }
    case 'pending':
      return { ...state, pending: action.pending };
    case 'agent':
      if (state.session.agent_state === action.state) return state;
      return { ...state, session: { ...state.session, agent_state: action.state } };
    case 'agent_typing':
      return state.agentTyping === action.typing ? state : { ...state, agentTyping: action.typing };
    case 'connection':
      return state.connection === action.connection ? state : { ...state, connection: action.connection };
  }
}

/**
 * Adds events to the log, and tells which of them are new there.
 * @param {State} state
 * @param {ChatEvent[]} events
 * @returns {{ state: State, fresh: ChatEvent[] }}
 */
function append(state, events) {
  const known = new Set(state.log.map(({ id }) => id));
  const fresh = events.filter(({ id }) => !known.has(id) && known.add(id));
  if (!fresh.length) return { state, fresh };
  return { state: { ...state, log: [...state.log, ...fresh], session: fresh.reduce(follow, state.session) }, fresh };
}

/**
 * @param {Session} session
 * @param {ChatEvent} event
 * @returns {Session}
 */
function follow(session, event) {
  switch (event.type) {
    case 'session_idle':
      return { ...session, status: 'idle' };
    case 'session_resumed':
      return { ...session, status: 'active' };
    case 'session_updated':
      return { ...session, expires_at: event.data.expires_at ?? session.expires_at };
    case 'end_planned':
      return { ...session, end_planned_at: event.data.at };
    case 'end_called_off':
      return { ...session, end_planned_at: undefined };
    case 'session_ended':
      return { ...session, status: 'ended', ends_reason: event.data.reason, end_planned_at: undefined };
    case 'erased':
      return { ...session, status: 'erased' };
    default:
      // The other events say something, and leave the session as it is.
      return session;
  }
}

/**
 * What an event changes only when it is new: the session, as it was fetched, counts older ones already.
 * @param {State} state
 * @param {ChatEvent} event
 * @returns {State}
 */
function live(state, event) {
  const { session } = state;
  if (event.type === 'session_updated' && event.data.messages_left !== undefined) {
    return { ...state, session: { ...session, messages_left: event.data.messages_left } };
  }
  if (event.type === 'question') return { ...state, agentTyping: false };
  if (event.type !== 'message') return state;
  if (event.data.from === 'agent') return { ...state, agentTyping: false };
  if (event.data.from !== 'chatter') return state;
  return { ...state, session: { ...session, messages_left: Math.max(0, session.messages_left - 1) } };
}

/**
 * What was written here and is not in the log yet.
 * @param {State} state
 */
export function unlogged({ log, pending }) {
  if (!pending.length) return [];
  const arrived = arrivedIn(log);
  return pending.filter((entry) => !isAmong(arrived, entry));
}

/**
 * The ids under which events, and what they were sent as, are known.
 * @param {ChatEvent[]} events
 */
export function arrivedIn(events) {
  const arrived = new Set(events.map((event) => event.id));
  for (const event of events) {
    if (event.type === 'message' && event.data.client_message_id) arrived.add(event.data.client_message_id);
  }
  return arrived;
}

/**
 * Whether what was written here is among what has arrived.
 * @param {Set<string>} arrived
 * @param {Pending} entry
 */
export const isAmong = (arrived, { id, eventId }) => arrived.has(id) || (eventId !== undefined && arrived.has(eventId));

/**
 * The newest event that the agent wrote: what a read mark of the chatter's may name.
 * @param {State} state
 */
export function newestFromAgent({ log }) {
  return log.findLast((event) => event.type === 'question' || (event.type === 'message' && event.data.from !== 'chatter'));
}

/**
 * How many events of the log the agent has read, as far as its marks tell.
 * @param {State} state
 */
export function readByAgent({ log }) {
  const mark = /** @type {EventOf<'read'> | undefined} */ (
    log.findLast((event) => event.type === 'read' && event.data.by !== 'chatter')
  );
  return mark ? log.findLastIndex((event) => event.cursor === mark.data.upto) + 1 : 0;
}

/** Whether the agent has all that was written, and owes a reply: what it has not read it does not think about. @param {State} state */
export function isThinking(state) {
  const newest = state.log.findLastIndex((event) => event.type === 'answer' || (event.type === 'message' && event.data.from === 'chatter'));
  return state.session.agent_state === 'thinking' && newest < readByAgent(state);
}

/**
 * What became of each question: an answer leaves alone what it does not name. What was complete when the agent went on is closed, also
 * in a chat that began before that was told.
 * @param {State} state
 */
export function answersOf({ log }) {
  /** @type {Map<string, Answered>} */
  const questions = new Map();
  const of = (/** @type {string} */ id) => {
    const known = questions.get(id) ?? { values: {}, spoke: false };
    questions.set(id, known);
    return known;
  };
  for (const event of log) {
    if (event.type === 'question_closed') of(event.data.question_id).closed ??= { ...event.data, at: event.at };
    if (event.type === 'answer') {
      const { question_id, values, missing } = event.data;
      const question = of(question_id);
      const all = { ...question.values };
      for (const [key, value] of Object.entries(values)) {
        if (value === null) delete all[key];
        else all[key] = value;
      }
      Object.assign(question, { values: all, missing });
    }
    if (isWord(event)) {
      for (const question of questions.values()) question.spoke = true;
    }
    if (event.type === 'question' || (event.type === 'message' && event.data.from === 'agent')) {
      for (const [question_id, question] of questions) {
        if (question.missing?.length === 0) question.closed ??= { question_id, why: 'answered', at: event.at };
      }
    }
    if (event.type === 'question') of(event.data.question_id);
  }
  return questions;
}

/** Whether a person has written something. @param {ChatEvent} event */
const isWord = (event) => event.type === 'answer' || (event.type === 'decision' && event.data.verdict !== 'timed_out') || (event.type === 'message' && event.data.from === 'chatter')
  || (event.type === 'rated' && event.data.feedback !== undefined);
