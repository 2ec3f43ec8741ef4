/**
 * A question card: a form while it is open, afterwards what was answered. One simple choice becomes quick replies.
 */

import { fill, h, icon } from './dom.js';
import { fieldControl, optionsOf } from './fields.js';
import { readJson, remove, sessionPrefix, write } from './storage.js';
import { calendarDate, say, sayCode } from './words.js';

/** @import { Answered, EventOf, Field, FieldChanges, FieldValue, FieldValues, Pending, QuestionData } from '../contract.d.ts' */
/** @import { Child } from './dom.js' */
/** @import { Entry } from './entries.js' */
/** @import { LiveSession } from './session.js' */
/** @import { State } from './store.js' */

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
  const closed = state.session.status === 'ended' || answer?.closed || pending?.reason === 'question_closed';
  return {
    key: event.id,
    from: 'agent',
    version: JSON.stringify([closed, answer, pending?.state, pending?.reason]),
    make: () => h('section', { class: 'card', 'aria-labelledby': `${event.id}-intro` }),
    update: (element) => {
      // A card is read out when it comes, not whenever something in it changes.
      if (element.firstChild) element.setAttribute('aria-live', 'off');
      const [only] = question.fields;
      const words = question.intro ?? (isQuick(question) ? only.label : '');
      const heading = h('h2', { class: words ? 'intro' : 'unseen', id: `${event.id}-intro`, tabindex: -1, dir: 'auto' },
        words || state.session.agent_name);
      const show = (/** @type {Child[]} */ ...content) => {
        const hadFocus = element.contains(document.activeElement);
        fill(element, heading, ...content);
        if (hadFocus) heading.focus({ preventScroll: true });
      };
      const known = answer?.values ?? {};
      const showForm = (/** @type {FieldValues} */ values) => show(form(question, values, known, pending, live));
      const refused = pending?.state === 'failed';

      if (pending && !refused) {
        show(summary(question, filledIn(pending)),
          h('p', { class: 'help' }, say(pending.state === 'waiting' ? 'question.waiting' : 'question.sending')));
      } else if (closed) {
        show(refused && refusal(pending), answer && summary(question, answer.values),
          h('p', { class: 'help' }, say('question.closed')));
      } else if (answer && !refused) {
        const change = h('button', { type: 'button', class: 'text-button', onclick: () => showForm(known) },
          say(answer.missing.length ? 'question.complete' : 'question.change'));
        show(summary(question, known), change);
      } else {
        showForm(filledIn(pending));
      }
    },
  };
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
  return Object.fromEntries(Object.entries(pending?.answer?.values ?? {}).flatMap(([key, value]) =>
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
  const draftKey = `${sessionPrefix(live.id)}card:${question.question_id}`;
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
 */
function summary(question, values) {
  return h('dl', { class: 'answers', 'aria-label': say('question.answered') }, ...question.fields.flatMap((field) => [
    // A single question stands above its answer already.
    h('dt', { class: isQuick(question) && !question.intro ? 'unseen' : null, dir: 'auto' }, field.label),
    values[field.key] === undefined
      ? h('dd', { class: 'quiet' }, say('question.unanswered'))
      : h('dd', { dir: 'auto' }, icon('check'), inWords(field, values[field.key])),
  ]));
}

/**
 * @param {Field} field
 * @param {FieldValue} value
 */
function inWords(field, value) {
  if (field.type === 'date') return calendarDate(String(value));
  if (field.type === 'rating') return say('question.stars', { count: Number(value) });
  const labels = (optionsOf(field) ?? [])
    .filter((option) => (Array.isArray(value) ? value.includes(String(option.value)) : option.value === value))
    .map(({ label }) => label);
  return labels.length ? labels.join(', ') : String(value);
}
