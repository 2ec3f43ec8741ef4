/**
 * A question card: a form while it is open, afterwards what was answered. One simple choice becomes quick replies.
 */

import { announce, cardPlace, fill, h, icon } from './dom.js';
import { fieldControl, optionsOf } from './fields.js';
import { setAgentHtml } from './html-policy.js';
import { readJson, remove, sessionPrefix, write } from './storage.js';
import { terms } from './terms.js';
import { unsentWords } from './unsent.js';
import { calendarDate, momentOf, numberIn, say, sayCode } from './words.js';

/** @import { Answered, ClosedData, Closing, EventOf, Field, FieldChanges, FieldValue, FieldValues, Pending, QuestionData } from '../contract.d.ts' */
/** @import { Child } from './dom.js' */
/** @import { Entry } from './entries.js' */
/** @import { LiveSession } from './session.js' */
/** @import { State } from './store.js' */
/** @typedef {ClosedData & { at: string }} Closed */

const MOST_QUICK_REPLIES = 6;

/**
 * @param {EventOf<'question'>} event
 * @param {Answered | undefined} answer
 * @param {Pending | undefined} pending the newest answer that is on its way
 * @param {State} state
 * @param {LiveSession} live
 * @returns {Entry}
 */
export function questionCard(event, answer, pending, state, live) {
  const question = event.data;
  const over = state.session.status === 'ended' || pending?.reason === 'question_closed';
  const closed = answer?.closed ?? (over ? { question_id: question.question_id, why: overBy(state), at: '' } : undefined);
  const isAnswered = answer?.missing !== undefined;
  /** What a form is made of: while it stays the same, nobody is disturbed who fills it in. */
  const made = JSON.stringify([closed, answer?.values, answer?.missing, pending?.state, pending?.reason]);
  return {
    key: event.id,
    from: 'agent',
    version: made + answer?.spoke,
    make: () => cardPlace(event.id),
    update: (element) => {
      // A card is read out when it comes, not whenever something in it changes.
      if (element.firstChild) element.setAttribute('aria-live', 'off');
      const known = answer?.values ?? {};
      const silence = question.if_silent ? summary(question, question.if_silent, true) : null;
      const onTerms = () => terms(question, silence, answer?.spoke ?? false, live);
      if (element.dataset.made === made) {
        element.querySelector('.terms')?.replaceWith(onTerms());
        return;
      }
      const isNews = element.dataset.made !== undefined;
      element.dataset.made = made;
      const [only] = question.fields;
      const words = question.intro ?? (isQuick(question) ? only.label : '');
      const heading = h('div', { role: 'heading', 'aria-level': 2, class: words ? 'intro' : 'unseen', id: `${event.id}-intro`, tabindex: -1, dir: 'auto' },
        words || state.session.agent_name);
      if (question.intro && question.intro_html) {
        heading.classList.add('rich');
        setAgentHtml(heading, question.intro_html);
      }
      const show = (/** @type {Child[]} */ ...content) => {
        const hadFocus = element.contains(document.activeElement);
        fill(element, h('p', { class: 'speaker' }, h('bdi', {}, `${state.session.agent_name} · ${say('chat.ai')}`)), heading, ...content);
        if (hadFocus) heading.focus({ preventScroll: true });
      };
      const showForm = (/** @type {FieldValues} */ values) => show(form(question, values, known, pending, live), onTerms());
      const refused = pending?.state === 'failed';

      if (pending && !refused) {
        show(summary(question, filledIn(pending)),
          h('p', { class: 'help' }, say(pending.state === 'waiting' ? 'question.waiting' : 'question.sending')));
      } else if (closed) {
        const unsent = leftUnsent(question, known, refused ? pending : undefined, live);
        if (isNews && unsent) announce(closingWords(closed, answer, state));
        show(refused && refusal(pending), isAnswered && summary(question, known), closing(question, closed, answer, state), unsent);
      } else if (isAnswered && !refused) {
        const change = h('button', { type: 'button', class: 'text-button', onclick: () => showForm(known) },
          say(answer?.missing?.length ? 'question.complete' : 'question.change'));
        const until = !answer?.missing?.length && h('p', { class: 'help' }, say('question.changeable', { agent: state.session.agent_name }));
        show(summary(question, known), until, change, onTerms());
        // Who was about to change an answer is not interrupted by another device's.
        if (readJson(draftOf(question, live))) showForm(known);
      } else {
        showForm(filledIn(pending));
      }
    },
  };
}

/** Why a question is shut of which the log does not say so, or not yet. @param {State} state @returns {Closing} */
const overBy = ({ session }) => (session.status === 'ended' ? 'session_ended' : 'answered');

/** Where what is filled in is kept. @param {QuestionData} question @param {LiveSession} live */
const draftOf = (question, live) => `${sessionPrefix(live.id)}card:${question.question_id}`;

/**
 * Says how a question was closed.
 * @param {QuestionData} question
 * @param {Closed} closed
 * @param {Answered | undefined} answer
 * @param {State} state
 */
function closing(question, closed, answer, state) {
  return h('div', { class: 'closing' },
    h('p', { class: 'help' }, closingWords(closed, answer, state)),
    closed.reason && h('p', { dir: 'auto' }, closed.reason),
    closed.values && h('p', { class: 'help' }, say('question.silence_counts')),
    closed.values && summary(question, closed.values, true));
}

/**
 * @param {Closed} closed
 * @param {Answered | undefined} answer
 * @param {State} state
 */
function closingWords({ why, at }, answer, { session }) {
  const agent = session.agent_name;
  switch (why) {
    case 'replaced':
      return say('question.replaced', { agent });
    case 'withdrawn':
      return say('question.withdrawn', { agent });
    case 'timed_out':
      return at ? say('question.timed_out', { moment: momentOf(at) }) : say('question.overdue');
    case 'session_ended':
      return say(answer?.missing?.length === 0 ? 'question.closed' : 'question.session_ended');
    case 'answered':
      return say('question.closed');
  }
}

/**
 * What was filled in and not sent before the question was closed, if anything.
 * @param {QuestionData} question
 * @param {FieldValues} known what the server has
 * @param {Pending | undefined} refused
 * @param {LiveSession} live
 */
function leftUnsent(question, known, refused, live) {
  const values = refused ? filledIn(refused) : /** @type {FieldValues | null} */ (readJson(draftOf(question, live))) ?? {};
  const changed = question.fields.filter(({ key }) => values[key] !== undefined
    && JSON.stringify(values[key]) !== JSON.stringify(known[key]));
  if (!changed.length) return null;
  const words = changed.map((field) => `${field.label}\n${inWords(field, values[field.key])}`).join('\n\n');
  return unsentWords(words, () => {
    remove(draftOf(question, live));
    if (refused) live.outbox.discard(refused.id);
  });
}

/** Says that an answer was not taken. @param {Pending} [pending] */
const refusal = (pending) => h('p', { class: 'error', role: 'alert' }, pending
  && say('question.not_sent', { reason: sayCode('refused', pending.reason, say('refused.other')) }));

/**
 * What the person has filled in, and the server has not yet.
 * @param {Pending | undefined} pending
 * @returns {FieldValues}
 */
function filledIn(pending) {
  return Object.fromEntries(Object.entries(/** @type {FieldChanges} */ (pending?.answer && 'values' in pending.answer ? pending.answer.values : {})).flatMap(([key, value]) =>
    (value === null ? [] : [[key, value]])));
}

/**
 * @param {QuestionData} question
 * @param {FieldValues} values filled in already
 * @param {FieldValues} known what the server has
 * @param {Pending | undefined} refused the last attempt, and what the server had against it
 * @param {LiveSession} live
 */
function form(question, values, known, refused, live) {
  const draftKey = draftOf(question, live);
  const send = (/** @type {FieldValues} */ answers) => {
    if (refused) live.outbox.discard(refused.id);
    remove(draftKey);
    /** @type {FieldChanges} */
    const emptied = Object.fromEntries(Object.keys(known).map((key) => [key, null]));
    live.answer(question.question_id, { ...emptied, ...answers });
  };
  const error = refusal(refused);
  if (isQuick(question)) {
    const [only] = question.fields;
    return h('div', {}, quickReplies(only, question.intro !== undefined, (value) => send({ [only.key]: value })), error);
  }

  const drafted = /** @type {FieldValues | null} */ (readJson(draftKey)) ?? values;
  const controls = question.fields.map((field) => ({ field, ...fieldControl(field, drafted[field.key]) }));
  for (const { field, check, showError } of controls) {
    if (refused?.errors?.some(({ key }) => key === field.key)) showError(check() || say('question.invalid'));
  }
  const partial = h('button', { type: 'button', class: 'text-button', hidden: true, onclick: () => send(filled()) },
    say('question.send_partial'));
  const filled = () => Object.fromEntries(controls.flatMap(({ field, value }) => {
    const given = value();
    return given === undefined ? [] : [[field.key, given]];
  }));
  const wrong = () => controls.filter((control) => control.check());
  /** A question that someone cannot answer must not keep back the answers they have. */
  const offerPartial = () => {
    const open = wrong();
    partial.hidden = !open.length || !Object.keys(filled()).length || open.some(({ value }) => value() !== undefined);
  };
  let tried = false;
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    controls.forEach((control) => control.showError(control.check()));
    const [first] = wrong();
    if (!first) return send(filled());
    tried = true;
    offerPartial();
    first.focus();
  };
  const changed = () => {
    // A draft outlives the page.
    write(draftKey, JSON.stringify(filled()));
    if (tried) offerPartial();
  };
  return h('form', { novalidate: true, onsubmit: submit, oninput: changed },
    ...controls.map(({ element }) => element),
    error,
    h('div', { class: 'actions' }, h('button', { type: 'submit', class: 'primary' }, say('question.send')), partial));
}

/** Whether one tap is a whole answer. @param {QuestionData} question */
function isQuick({ fields: [field, ...others] }) {
  const options = optionsOf(field);
  return !others.length && options !== null && field.type !== 'choices' && options.length <= MOST_QUICK_REPLIES;
}

/**
 * @param {Field} field
 * @param {boolean} labelled whether the label still has to be said
 * @param {(value: FieldValue) => void} choose
 */
function quickReplies(field, labelled, choose) {
  const buttons = (optionsOf(field) ?? []).map(({ value, label, name }) =>
    h('button', { type: 'button', class: 'option', 'aria-label': name, dir: 'auto', onclick: () => choose(value) }, label));
  return h('div', { class: `field ${field.type}`, role: 'group', 'aria-label': field.label },
    labelled && h('p', { class: 'label', dir: 'auto' }, field.label),
    field.help && h('p', { class: 'help', dir: 'auto' }, field.help),
    h('div', { class: 'options' }, ...buttons));
}

/**
 * @param {QuestionData} question
 * @param {FieldValues} values
 * @param {boolean} [unsaid] whether nobody said so
 */
function summary(question, values, unsaid) {
  const label = unsaid ? null : say('question.answered');
  const fields = question.fields.filter(({ key }) => !unsaid || values[key] !== undefined);
  return h('dl', { class: unsaid ? 'answers unsaid' : 'answers', 'aria-label': label }, ...fields.flatMap((field) => [
    // A single question stands above its answer already.
    h('dt', { class: isQuick(question) && !question.intro ? 'unseen' : null, dir: 'auto' }, field.label),
    values[field.key] === undefined
      ? h('dd', { class: 'quiet' }, say('question.unanswered'))
      : h('dd', { dir: 'auto' }, !unsaid && icon('check'), inWords(field, values[field.key])),
  ]));
}

/**
 * @param {Field} field
 * @param {FieldValue} value
 */
function inWords(field, value) {
  if (field.type === 'date') return calendarDate(String(value));
  if (field.type === 'number') return numberIn(Number(value));
  if (field.type === 'rating') return say('question.stars', { count: Number(value) });
  const labels = (optionsOf(field) ?? [])
    .filter((option) => (Array.isArray(value) ? value.includes(String(option.value)) : option.value === value))
    .map(({ label }) => label);
  return labels.length ? labels.join(', ') : String(value);
}
