/**
 * The shapes the page reads and writes, as the public contract has them.
 * Types only: nothing of this file is sent to a browser.
 */

export type AgentState = 'online' | 'listening' | 'thinking' | 'away';
export type SessionStatus = 'active' | 'idle' | 'ended' | 'erased';
export type LinkState = 'open' | 'full' | 'used_up' | 'paused' | 'expired' | 'revoked';
export type EndReason =
  | 'chatter_left'
  | 'agent_ended'
  | 'link_expired'
  | 'link_revoked'
  | 'message_limit'
  | 'blocked'
  | 'erased';

export interface Session {
  id: string;
  link_id: string;
  status: SessionStatus;
  title: string;
  agent_name: string;
  agent_state: AgentState;
  started_at: string;
  expires_at: string;
  ends_reason?: EndReason;
  messages_left: number;
  limits: { max_message_chars: number; messages_per_minute: number };
  erase_at?: string;
  /** When the agent is going to end it, unless something is written before. */
  end_planned_at?: string;
  /** The link's, where the agent chose one. */
  language?: string;
}

export interface Link {
  state: LinkState;
  title: string;
  agent_name: string;
  operator_name?: string;
  expires_at: string;
  requires_passcode: boolean;
  language?: string | null;
  /** What speaks there. */
  agent_kind?: 'ai';
  description?: string;
  description_html?: string;
  welcome_message?: string;
  welcome_html?: string;
}

export interface Inspection {
  now: string;
  link: Link;
  your_session?: { id: string; status: SessionStatus } | null;
}

export interface Joined {
  now: string;
  session: Session;
  events: ChatEvent[];
  has_earlier: boolean;
  next_cursor: string;
  session_token?: string;
}

/** A code that lets another device in, once. */
export interface Handoff {
  code: string;
  url: string;
  expires_at: string;
  qr: { size: number; path: string };
}

export interface Page {
  now: string;
  events: ChatEvent[];
  next_cursor: string;
  has_more: boolean;
  agent_state?: AgentState;
  typing?: boolean;
}

export interface MessageData {
  from: 'chatter' | 'agent' | 'person' | 'system';
  text: string;
  html?: string;
  kind?: 'welcome' | 'farewell';
  code?: string;
  client_message_id?: string;
}

export type FieldType = 'choice' | 'choices' | 'yes_no' | 'text' | 'number' | 'date' | 'email' | 'rating';
export type FieldValue = string | number | boolean | string[];
export type FieldValues = Record<string, FieldValue>;
/** What an answer changes; `null` takes a value back. */
export type FieldChanges = Record<string, FieldValue | null>;

export interface Field {
  key: string;
  label: string;
  type: FieldType;
  required?: boolean;
  help?: string;
  options?: { value: string; label: string }[];
  min?: number | string;
  max?: number | string;
  max_length?: number;
}

export interface QuestionData {
  question_id: string;
  intro?: string;
  /** The intro as the agent's markdown, made safe. */
  intro_html?: string;
  fields: Field[];
  text: string;
  /** Whether the first complete answer closes it. */
  final?: boolean;
  answer_by?: string;
  /** The values that count if nothing is written. */
  if_silent?: FieldValues;
  /** What may be chosen; of a decision only, which has no fields. */
  allow?: Choice[];
  subject?: string;
  /** The very text that is decided about. */
  payload?: string;
  format?: 'text' | 'json';
}

export type Choice = 'approve' | 'reject' | 'edit' | 'respond';

/** What a person decides. */
export interface Verdict {
  question_id: string;
  verdict: Choice;
  edited?: unknown;
  reason?: string;
}

export interface DecisionData {
  question_id: string;
  verdict: 'approved' | 'edited' | 'rejected' | 'responded' | 'timed_out';
  edited?: unknown;
  reason?: string;
}

export type Closing = 'answered' | 'replaced' | 'withdrawn' | 'timed_out' | 'session_ended';

export interface ClosedData {
  question_id: string;
  why: Closing;
  replaced_by?: string;
  values?: FieldValues;
  reason?: string;
}

export interface AnswerData {
  question_id: string;
  values: FieldChanges;
  missing: string[];
}

/** What became of a question, so far. */
export interface Answered {
  /** All answers taken together. */
  values: FieldValues;
  /** The required fields without a value; none where nothing was answered yet. */
  missing?: string[];
  /** How it was closed, if it was. */
  closed?: ClosedData & { at: string };
  /** Whether the person has written anything since it was asked: then silence means nothing. */
  spoke: boolean;
}

interface EventDataByType {
  session_started: { display_name?: string; language?: string };
  session_idle: object;
  session_resumed: object;
  message: MessageData;
  question: QuestionData;
  answer: AnswerData;
  decision: DecisionData;
  question_closed: ClosedData;
  end_planned: { at: string };
  end_called_off: { by: string };
  read: { by: string; upto: string };
  rated: { rating: number; feedback?: string };
  session_updated: { expires_at?: string; messages_left?: number };
  session_ended: { reason: EndReason };
  erased: object;
}

/** A durable event; readers ignore types that they do not know. */
export type ChatEvent = {
  [T in keyof EventDataByType]: {
    id: string;
    type: T;
    at: string;
    cursor: string;
    link_id: string;
    session_id?: string;
    data: EventDataByType[T];
  };
}[keyof EventDataByType];

export type EventOf<T extends ChatEvent['type']> = Extract<ChatEvent, { type: T }>;

/** A refusal in the form of RFC 9457. */
export interface ProblemBody {
  code?: string;
  title?: string;
  detail?: string;
  errors?: { key: string; code: string; detail: string }[];
  challenge?: Challenge;
}

/** What a guess costs: one of `data.counters` counters is to be found, by trying. */
export interface Challenge {
  parameters: {
    cost: number;
    data: { counters: number };
    keyLength: number;
    keyPrefix: string;
    nonce: string;
    salt: string;
  };
  signature: string;
}

/** A challenge as it came, and what was found. */
export interface Proof {
  challenge: Challenge;
  solution: { counter: number; derivedKey: string };
}

/** What waits to be sent; kept in local storage until the server has it. */
export interface Outgoing {
  id: string;
  at: number;
  message?: string;
  answer?: { question_id: string; values: FieldChanges } | Verdict;
}

/** An outgoing entry and how far it has come. */
export interface Pending extends Outgoing {
  state: 'sending' | 'waiting' | 'sent' | 'failed';
  reason?: string;
  errors?: ProblemBody['errors'];
  eventId?: string;
  /** When it is tried again, by this device's clock. */
  until?: number;
}
