/**
 * On which terms a question is asked: until when, what silence means, and whether an answer may be changed.
 */

import { millisecondsUntil } from './clock.js';
import { h } from './dom.js';
import { durationOf, momentOf, say } from './words.js';

/** @import { QuestionData } from '../contract.d.ts' */
/** @import { LiveSession } from './session.js' */

const TICK_MS = 10_000;

/**
 * @param {QuestionData} question
 * @param {HTMLElement | null} silence what silence means, as it is drawn; none where it means nothing
 * @param {boolean} isVoid whether a word of the person's has made that void
 * @param {LiveSession} live
 */
export function terms(question, silence, isVoid, live) {
  return h('div', { class: 'terms' },
    question.answer_by && deadline(question.answer_by, live),
    silence && h('p', { class: 'help' }, say(isVoid ? 'question.silence_void' : 'question.if_silent')),
    !isVoid && silence,
    question.final && h('p', { class: 'help' }, say('question.final')));
}

/**
 * A deadline in words, which counts down by itself.
 * @param {string} moment
 * @param {LiveSession} live
 */
function deadline(moment, live) {
  const element = h('p', { class: 'help deadline' });
  const tell = () => {
    const left = millisecondsUntil(moment);
    element.textContent = left > 0
      ? say('question.answer_by', { moment: momentOf(moment), duration: durationOf(left) })
      : say('question.overdue');
    if (left <= 0) stop();
  };
  const timer = setInterval(() => (element.isConnected ? tell() : stop()), TICK_MS);
  const stop = () => clearInterval(timer);
  live.closed.addEventListener('abort', stop, { once: true });
  tell();
  return element;
}
