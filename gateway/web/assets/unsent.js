/**
 * What somebody had written and not sent when there was no place for it any more: it stays readable, and can be taken along.
 */

import { h } from './dom.js';
import { say } from './words.js';

/**
 * @param {string} words
 * @param {() => void} discard
 */
export function unsentWords(words, discard) {
  const shown = h('p', { class: 'words', dir: 'auto' }, words);
  const copy = h('button', {
    type: 'button', class: 'text-button',
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(words);
        copy.textContent = say('chat.copied');
      } catch {
        // It is forbidden, or there is no clipboard: then it is ready for the keyboard, or a long tap.
        getSelection()?.selectAllChildren(shown);
      }
    },
  }, say('chat.copy'));
  const remove = h('button', {
    type: 'button', class: 'text-button',
    onclick: () => {
      discard();
      element.remove();
    },
  }, say('mark.discard'));
  const element = h('div', { class: 'unsent', role: 'group', 'aria-label': say('unsent.title') },
    h('h3', {}, say('unsent.title')), shown, h('div', { class: 'actions' }, copy, remove));
  return element;
}
