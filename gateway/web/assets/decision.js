/**
 * A decision's card: exactly what is decided about, what may be chosen, and afterwards what was. It is fetched when there is one.
 */

import { wordsHere } from './decision-words.js';
import { announce, confirmButton, fill, h } from './dom.js';
import { legible, pretty } from './legible.js';
import { readJson, remove, sessionPrefix, write } from './storage.js';
import { terms } from './terms.js';
import { unsentWords } from './unsent.js';
import { say, sayCode } from './words.js';

/** @import { Answered, Choice, DecisionData, EventOf, Pending, QuestionData, Verdict } from '../contract.d.ts' */
/** @import { Child } from './dom.js' */
/** @import { LiveSession } from './session.js' */
/** @import { State } from './store.js' */
/** @typedef {{ choice: Choice, words: string }} Draft what somebody is writing, and for which choice */
/** @typedef {{ question: QuestionData, live: LiveSession, element: HTMLElement, id: string, agent: string, refused?: Pending }} Card `agent`: by which name it asks; `refused`: the last verdict, where the server had something against it */

/** As near as this to the end counts as being there, in pixels. */
const NEAR_END = 80;
const LONGEST = { approve: 0, reject: 2_000, respond: 2_000, edit: 8_000 };

/** Only this card looks so; it is not in the page's own styles, which everybody fetches. */
const STYLE = '.payload{max-height:min(60vh,28rem);margin:0;padding:12px;border-radius:12px;background:var(--page);overflow-y:auto;'
  + 'white-space:pre-wrap;overflow-wrap:anywhere;font-family:ui-monospace,monospace;font-size:.875rem;unicode-bidi:plaintext;text-align:start}'
  + '.payload mark{padding:0 3px;border-radius:4px;background:var(--warn);color:var(--on-warn);font-size:.75em}'
  + '.decision .choices{display:grid;gap:8px}.decision textarea{width:100%;font-family:inherit}'
  + '.decision .option{justify-content:center;font-weight:600;color:var(--accent)}.decision .armed{background:var(--fill);color:var(--on-fill)}';
const sheet = new CSSStyleSheet();
sheet.replaceSync(STYLE);
document.adoptedStyleSheets.push(sheet);

/**
 * @param {HTMLElement} element
 * @param {EventOf<'question'>} event
 * @param {Answered | undefined} answer
 * @param {Pending | undefined} pending the verdict that is on its way
 * @param {State} state
 * @param {LiveSession} live
 */
export function showDecision(element, event, answer, pending, state, live) {
  const question = event.data;
  const verdict = state.log.find((known) => known.type === 'decision' && known.data.question_id === question.question_id);
  const decided = verdict?.type === 'decision' ? verdict.data : undefined;
  const refused = pending?.state === 'failed' ? pending : undefined;
  const isOver = state.session.status === 'ended' || refused?.reason === 'question_closed';
  const closing = answer?.closed?.why ?? (isOver ? 'session_ended' : undefined);
  const made = JSON.stringify([decided, closing, pending?.state, pending?.reason]);
  if (element.dataset.made === made) return;
  const isNews = element.dataset.made !== undefined;
  element.dataset.made = made;
  /** @type {Card} */
  const card = { question, live, element, id: event.id, refused, agent: state.session.agent_name };
  const words = wordsHere();
  if (decided) {
    const told = outcome(decided, words);
    if (isNews) announce(told);
    // What was decided about stays in sight; an edited one takes its place.
    const about = decided.verdict === 'edited' ? null : exactly(textOf(question));
    return show(card, h('p', { class: 'closing' }, told), about, shown(decided), leftUnsent(card));
  }
  if (pending && !refused) {
    const word = pending.state === 'waiting' ? 'question.waiting' : 'question.sending';
    return show(card, payload(card), h('p', { class: 'help' }, say(word)));
  }
  const error = refused && h('p', { class: 'error', role: 'alert' },
    say('question.not_sent', { reason: sayCode('refused', refused.reason, say('refused.other')) }));
  if (closing) {
    const agent = state.session.agent_name;
    const told = closing === 'withdrawn' || closing === 'replaced' ? say(`question.${closing}`, { agent })
      : refused?.reason === 'question_closed' ? say('question.closed') : say('question.session_ended');
    const unsent = leftUnsent(card);
    if (isNews && unsent) announce(told);
    const reason = answer?.closed?.reason;
    return show(card, payload(card), error, h('p', { class: 'help' }, told), reason && h('p', { dir: 'auto' }, reason), unsent);
  }
  const draft = draftIn(card);
  if (draft && question.allow?.includes(draft.choice)) return compose(card, draft, error);
  return choose(card, error);
}

/** Draws the card anew: what is decided about stands above all else. @param {Card} card @param {Child[]} content */
function show({ element, question, id, agent }, ...content) {
  const scroller = element.closest('.scroller');
  const atEnd = scroller && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END;
  const hadFocus = element.contains(document.activeElement);
  const heading = h('h2', { class: 'intro', id: `${id}-subject`, tabindex: -1, dir: 'auto' }, ...legible(question.subject ?? '').parts);
  element.setAttribute('aria-labelledby', heading.id);
  // A card is read out when it comes, not whenever something in it changes.
  element.setAttribute('aria-live', 'off');
  const speaker = h('p', { class: 'speaker' }, h('bdi', {}, `${agent} · ${say('chat.ai')}`));
  fill(element, speaker, heading, ...content);
  if (hadFocus) heading.focus({ preventScroll: true });
  if (scroller && atEnd) scroller.scrollTop = Math.min(scroller.scrollHeight, element.offsetTop - 12 + Math.max(0, element.offsetHeight - scroller.clientHeight + 24));
}

/** What is decided about, letter by letter. @param {Card} card */
function payload({ question }) {
  return h('div', {}, h('p', { class: 'help' }, wordsHere().exact), exactly(textOf(question)));
}

/** @param {Card['question']} question */
const textOf = ({ format, payload: text = '' }) => (format === 'json' ? pretty(text) : text);

/** @param {string} text */
function exactly(text) {
  const { parts, hidden } = legible(text);
  const block = h('div', { class: 'payload', tabindex: 0, role: 'group', 'aria-label': wordsHere().exact, dir: 'auto' }, ...parts);
  return h('div', {}, block, hidden && h('p', { class: 'help' }, wordsHere().hidden));
}

/** @param {Card} card @param {Child} error */
function choose(card, error) {
  const words = wordsHere();
  const { question, live } = card;
  const choices = (question.allow ?? []).map((choice) => (choice === 'approve'
    ? confirmButton({
      label: words.approve, confirm: words.approve_confirm, class: 'option',
      act: () => send(card, { question_id: question.question_id, verdict: 'approve' }),
    })
    : h('button', { type: 'button', class: 'option', onclick: () => compose(card, { choice, words: '' }, null, true) }, words[choice])));
  show(card, payload(card), error, h('div', { class: 'choices' }, ...choices), terms(question, null, false, live));
}

/**
 * Lets the person write what goes with a choice.
 * @param {Card} card
 * @param {Draft} draft
 * @param {Child} error
 * @param {boolean} [isChosen] whether it was chosen just now
 */
function compose(card, draft, error, isChosen) {
  const words = wordsHere();
  const { question, live } = card;
  const { choice } = draft;
  const original = textOf(question);
  const field = `${card.id}-words`;
  const fault = h('p', { class: 'error', role: 'alert', id: `${field}-fault` });
  const area = h('textarea', { id: field, rows: choice === 'edit' ? 8 : 3, dir: 'auto', 'aria-describedby': fault.id, oninput: () => keep(card, { choice, words: area.value }) });
  area.value = draft.words || (choice === 'edit' ? original : '');
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const verdict = read(card, choice, area.value, original);
    if (typeof verdict === 'string') {
      fault.textContent = verdict;
      area.focus();
      return;
    }
    send(card, verdict);
  };
  const back = h('button', {
    type: 'button', class: 'text-button',
    onclick: () => {
      forget(card);
      choose(card, null);
    },
  }, words.back);
  const label = { reject: words.why, respond: words.words, edit: words.instead, approve: '' }[choice];
  show(card, payload(card), error, h('form', { novalidate: true, onsubmit: submit },
    h('div', { class: 'field' }, h('label', { for: field }, label), area, fault),
    h('div', { class: 'actions' }, h('button', { type: 'submit', class: 'primary' }, choice === 'edit' ? words.edit_send : words[choice]), back)),
    terms(question, null, false, live));
  if (isChosen) area.focus();
}

/**
 * Reads what was written, or says what is wrong with it.
 * @param {Card} card
 * @param {Choice} choice
 * @param {string} typed
 * @param {string} original
 * @returns {Verdict | string}
 */
function read({ question }, choice, typed, original) {
  const words = wordsHere();
  const { question_id } = question;
  if ([...typed].length > LONGEST[choice]) return say('question.too_long', { count: LONGEST[choice] });
  if (choice === 'reject') return typed.trim() ? { question_id, verdict: choice, reason: typed } : { question_id, verdict: choice };
  if (!typed.trim()) return say('question.missing');
  if (choice === 'respond') return { question_id, verdict: choice, reason: typed };
  if (typed === original) return words.unchanged;
  if (question.format !== 'json') return { question_id, verdict: choice, edited: typed };
  try {
    return { question_id, verdict: choice, edited: JSON.parse(typed) };
  } catch {
    return words.not_json;
  }
}

/** Where what is written and not sent is kept: it outlives the page. @param {Card} card */
const draftOf = ({ live, question }) => `${sessionPrefix(live.id)}card:${question.question_id}`;

/** @param {Card} card @param {Draft} draft */
const keep = (card, draft) => write(draftOf(card), JSON.stringify(draft));

/** What is being written: in the browser's store, or what was refused. @param {Card} card @returns {Draft | null} */
function draftIn(card) {
  const kept = /** @type {Draft | null} */ (readJson(draftOf(card)));
  const answer = card.refused?.answer;
  if (kept || !answer || !('verdict' in answer) || answer.verdict === 'approve') return kept;
  const { verdict: choice, edited, reason } = answer;
  return { choice, words: edited === undefined ? reason ?? '' : written(edited) };
}

/** Lets go of what was written. @param {Card} card */
function forget(card) {
  remove(draftOf(card));
  if (card.refused) card.live.outbox.discard(card.refused.id);
}

/** @param {Card} card @param {Verdict} verdict */
function send(card, verdict) {
  forget(card);
  card.live.decide(verdict);
}

/** What was written and not sent before it was closed, if anything. @param {Card} card */
function leftUnsent(card) {
  const draft = draftIn(card);
  return draft?.words ? unsentWords(draft.words, () => forget(card)) : null;
}

/** An edited payload, to be read. @param {unknown} edited */
const written = (edited) => (typeof edited === 'string' ? edited : JSON.stringify(edited, null, 2));

/** @param {DecisionData} decided @param {ReturnType<typeof wordsHere>} words */
const outcome = ({ verdict }, words) => words[verdict];

/** What the person wrote with it. @param {DecisionData} decided */
function shown({ edited, reason }) {
  if (edited !== undefined) return exactly(written(edited));
  return reason ? h('p', { dir: 'auto' }, reason) : null;
}
