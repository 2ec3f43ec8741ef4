/**
 * The typed fields of a question as real form controls, each with its label, help and error beside it.
 */

import { h } from './dom.js';
import { numberFrom } from './numbers.js';
import { uuid } from './storage.js';
import { calendarDate, numberIn, say } from './words.js';

/** @import { Field, FieldValue } from '../contract.d.ts' */

/**
 * @typedef {object} Control
 * @property {HTMLElement} element
 * @property {() => FieldValue | undefined} value what is filled in, if anything
 * @property {() => string} check what is wrong with it, in words; empty when nothing is
 * @property {(words: string) => void} showError
 * @property {() => void} focus
 */

/**
 * @param {Field} field
 * @param {FieldValue} [value] filled in already
 * @returns {Control}
 */
export function fieldControl(field, value) {
  const options = optionsOf(field);
  return options ? choiceControl(field, options, value) : inputControl(field, value);
}

/**
 * The choices a field offers; none for those that are typed in.
 * @param {Field} field
 * @returns {{ value: FieldValue, label: string, name?: string }[] | null}
 */
export function optionsOf({ type, options = [] }) {
  switch (type) {
    case 'choice':
    case 'choices':
      return options;
    case 'yes_no':
      return [{ value: true, label: say('question.yes') }, { value: false, label: say('question.no') }];
    case 'rating':
      return [1, 2, 3, 4, 5].map((count) => ({ value: count, label: '★', name: say('question.stars', { count }) }));
    case 'text':
    case 'number':
    case 'date':
    case 'email':
      return null;
  }
}

/**
 * @param {Field} field
 * @param {{ value: FieldValue, label: string, name?: string }[]} options
 * @param {FieldValue} [value]
 * @returns {Control}
 */
function choiceControl(field, options, value) {
  const { id, help, error, showError, describedBy } = surroundings(field);
  const several = field.type === 'choices';
  const isChosen = (/** @type {FieldValue} */ option) =>
    Array.isArray(value) ? value.includes(String(option)) : value === option;
  const inputs = options.map((option, index) => h('input', {
    type: several ? 'checkbox' : 'radio', name: id, value: index, id: `${id}-${index}`,
    checked: isChosen(option.value), 'aria-label': option.name,
  }));
  const element = h('fieldset', {
    class: `field ${field.type}`, role: several ? null : 'radiogroup', 'aria-describedby': describedBy,
    'aria-required': several || !isRequired(field) ? null : 'true',
  },
    h('legend', { dir: 'auto' }, ...labelOf(field)),
    help,
    h('div', { class: 'options' }, ...options.map((option, index) =>
      h('label', { class: 'option', for: `${id}-${index}`, dir: 'auto' }, inputs[index], h('span', {}, option.label)))),
    error);
  const chosen = () => options.filter((_, index) => inputs[index].checked).map((option) => option.value);
  return whichForgives({
    element,
    value: () => (several ? (chosen().length ? chosen().map(String) : undefined) : chosen()[0]),
    check: () => (isRequired(field) && !chosen().length ? say('question.choose') : ''),
    showError: (words) => {
      showError(words);
      markInvalid(several ? inputs : [element], words);
    },
    focus: () => (inputs.find((input) => input.checked) ?? inputs[0])?.focus(),
  });
}

/**
 * @param {Field} field
 * @param {FieldValue} [value]
 * @returns {Control}
 */
function inputControl(field, value) {
  const { id, help, error, showError, describedBy } = surroundings(field);
  const shared = {
    id, name: field.key, dir: 'auto', required: isRequired(field), 'aria-describedby': describedBy,
  };
  const input = field.type === 'text' && (field.max_length ?? 1000) > 120
    ? h('textarea', { ...shared, rows: 3 })
    : h('input', {
      ...shared,
      // A number field of the browser's own reads `12,5` as 125 where it does not know the reader's language.
      type: field.type === 'number' ? 'text' : field.type,
      inputmode: field.type === 'number' ? 'decimal' : undefined,
      min: field.type === 'date' && field.min, max: field.type === 'date' && field.max,
      autocomplete: field.type === 'email' ? 'email' : 'off',
    });
  if (value !== undefined) input.value = field.type === 'number' ? numberIn(Number(value)).replace(/[\u200e\u200f\u061c]/g, '') : String(value);
  const element = h('div', { class: 'field' }, h('label', { for: id, dir: 'auto' }, ...labelOf(field)), help, input, error);
  return whichForgives({
    element,
    value: () => {
      const typed = input.value.trim();
      if (!typed) return undefined;
      if (field.type !== 'number') return typed;
      const number = numberFrom(typed);
      return typeof number === 'number' ? number : undefined;
    },
    check: () => checkInput(field, input),
    showError: (words) => {
      showError(words);
      markInvalid([input], words);
    },
    focus: () => input.focus(),
  });
}

/**
 * Takes a complaint back as soon as there is no more reason for it; a new one waits until the form is sent.
 * @param {Control} control
 * @returns {Control}
 */
function whichForgives(control) {
  control.element.addEventListener('input', () => {
    if (control.element.querySelector('.error:not([hidden])')) control.showError(control.check());
  });
  return control;
}

/**
 * @param {Element[]} elements
 * @param {string} words what is wrong with them
 */
function markInvalid(elements, words) {
  for (const element of elements) {
    if (words) element.setAttribute('aria-invalid', 'true');
    else element.removeAttribute('aria-invalid');
  }
}

/**
 * @param {Field} field
 * @param {HTMLInputElement | HTMLTextAreaElement} input
 */
function checkInput(field, input) {
  const { validity } = input;
  const length = [...input.value.trim()].length;
  // What the browser cannot read (letters in a number) looks empty and is not.
  if (validity.badInput) return say('question.invalid');
  if (!length) return isRequired(field) ? say('question.missing') : '';
  if (field.type === 'number') return checkNumber(field, numberFrom(input.value));
  if (validity.typeMismatch || (field.type === 'email' && !/@[^@]+\.[^@.]+$/.test(input.value.trim()))) return say('question.email');
  if (validity.rangeUnderflow) return outOfRange(field, field.min, 'question.too_small', 'question.too_early');
  if (validity.rangeOverflow) return outOfRange(field, field.max, 'question.too_large', 'question.too_late');
  if (field.max_length && length > field.max_length) return say('question.too_long', { count: field.max_length });
  return '';
}

/**
 * @param {Field} field
 * @param {ReturnType<typeof numberFrom>} number
 */
function checkNumber({ min, max }, number) {
  if (typeof number !== 'number') return say(number === 'inexact' ? 'question.inexact' : 'question.number');
  if (min !== undefined && number < Number(min)) return say('question.too_small', { limit: Number(min) });
  if (max !== undefined && number > Number(max)) return say('question.too_large', { limit: Number(max) });
  return '';
}

/** What may be given, in words: told before it is got wrong. @param {Field} field */
function limitsOf(field) {
  const { type, min, max } = field;
  if (type !== 'number' && type !== 'date') return '';
  return [
    min !== undefined && outOfRange(field, type === 'number' ? Number(min) : min, 'question.too_small', 'question.too_early'),
    max !== undefined && outOfRange(field, type === 'number' ? Number(max) : max, 'question.too_large', 'question.too_late'),
  ].filter(Boolean).join(' ');
}

/**
 * @param {Field} field
 * @param {number | string | undefined} limit
 * @param {'question.too_small' | 'question.too_large'} ofNumber
 * @param {'question.too_early' | 'question.too_late'} ofDate
 */
const outOfRange = (field, limit, ofNumber, ofDate) =>
  (field.type === 'date' ? say(ofDate, { date: calendarDate(String(limit)) }) : say(ofNumber, { limit: limit ?? '' }));

/** @param {Field} field */
const isRequired = ({ required = true }) => required;

/** @param {Field} field */
const labelOf = (field) =>
  isRequired(field) ? [field.label] : [field.label, ' ', h('span', { class: 'quiet' }, say('question.optional'))];

/** @param {Field} field */
function surroundings(field) {
  const id = `field-${uuid()}`;
  const limits = limitsOf(field);
  const help = field.help || limits
    ? h('p', { class: 'help', id: `${id}-help`, dir: 'auto' }, field.help, field.help && limits && ' ', limits)
    : null;
  const error = h('p', { class: 'error', id: `${id}-error`, hidden: true });
  return {
    id,
    help,
    error,
    describedBy: help ? `${id}-help ${id}-error` : `${id}-error`,
    showError: (/** @type {string} */ words) => {
      error.textContent = words;
      error.hidden = !words;
    },
  };
}
