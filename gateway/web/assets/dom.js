/**
 * The only way the page makes elements: text enters as text nodes, never as markup.
 */

/** @typedef {Node | string | null | undefined | false} Child */
/** @typedef {Record<string, string | number | boolean | null | undefined | ((event: any) => void)>} Props */

/**
 * Makes an element. A function under `onclick`-like names becomes a listener; `true` an empty attribute;
 * `false`, `null` and `undefined` are left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Props} [props]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...present(children));
  return element;
}

/**
 * Replaces all that is in `parent`.
 * @param {Element} parent
 * @param {...Child} children
 */
export function fill(parent, ...children) {
  parent.replaceChildren(...present(children));
}

/** @param {Child[]} children */
function present(children) {
  return /** @type {(Node | string)[]} */ (children.filter((child) => child || child === ''));
}

const ICONS = {
  send: 'M12 19V5M5.5 11.5 12 5l6.5 6.5',
  down: 'M12 5v14M5.5 12.5 12 19l6.5-6.5',
  more: 'M5 12h.01M12 12h.01M19 12h.01',
  clock: 'M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18',
  check: 'm5 12.5 4.5 4.5L19 7.5',
  checks: 'm2 12.5 4.5 4.5L16 7.5M12 16.5l.5.5L22 7.5',
  bin: 'M5 7h14M10 11v6M14 11v6M7 7l.8 12h8.4L17 7M9.5 7V4h5v3',
  text: 'M7 3h7l4 4v14H7zM14 3v4h4M10 12h5M10 16h5',
  printer: 'M7 8V4h10v4M7 17H4V8h16v9h-3M7 14h10v6H7z',
  leave: 'M14 4H6v16h8M10.5 12H20M16.5 8.5 20 12l-3.5 3.5',
  retry: 'M19 12a7 7 0 1 1-2-4.9L19 9M19 4.5V9h-4.5',
  devices: 'M3 5h13v9H3zM2 18h10M15 10h6v10h-6z',
  forget: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8M5 20c0-3.5 3-6 7-6M16 15l5 5M21 15l-5 5',
  flag: 'M6 21V4h11l-2 4 2 4H6',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
};

/**
 * Draws one of the page's icons; it is decoration, so the words stand beside it.
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** The first letter as people see one: an emoji of several parts, a letter with its marks. @param {string} name */
function firstLetter(name) {
  if (!Intl.Segmenter) return [...name][0] ?? '·';
  return new Intl.Segmenter().segment(name)[Symbol.iterator]().next().value?.segment ?? '·';
}

/**
 * A round mark with the first letter of a name.
 * @param {string} name
 */
export function avatar(name) {
  return h('span', { class: 'avatar', 'aria-hidden': 'true' }, firstLetter(name.trim()).toLocaleUpperCase());
}

/** As long as it takes to read what a second tap does, and to do it. */
const ARMED_MS = 12_000;

/**
 * A button that acts on its second tap; the first one says what will happen.
 * @param {{ label: string, confirm: string, class?: string, icon?: SVGElement, act: () => void }} options
 */
export function confirmButton({ label, confirm, class: className, icon: mark, act }) {
  const text = h('span', {}, label);
  let armed = 0;
  const disarm = () => {
    armed = 0;
    button.classList.remove('armed');
    text.textContent = label;
  };
  const button = h('button', {
    type: 'button',
    class: className,
    onclick: () => {
      if (armed) {
        clearTimeout(armed);
        disarm();
        act();
      } else {
        armed = setTimeout(disarm, ARMED_MS);
        button.classList.add('armed');
        text.textContent = confirm;
        announce(confirm);
      }
    },
  }, mark, text);
  return button;
}

/** Where a question is drawn. @param {string} id */
export const cardPlace = (id) => h('div', { class: 'card', role: 'group', 'aria-labelledby': `${id}-intro` });

/**
 * Says something to people who listen to the page.
 * @param {string} text
 */
export function announce(text) {
  const announcer = document.getElementById('announcer');
  if (announcer) announcer.textContent = text;
}

/**
 * Lets a button say what becomes of its tap, in the place of its name.
 * @param {HTMLElement} button
 * @param {string} words
 * @param {{ stays?: boolean }} [options] otherwise the name comes back after a while
 */
export function tell(button, words, { stays } = {}) {
  const text = /** @type {HTMLElement} */ (button.querySelector('span'));
  const name = text.dataset.name ??= text.textContent ?? '';
  text.textContent = words;
  announce(words);
  if (!stays) setTimeout(() => text.textContent === words && (text.textContent = name), 6000);
}

/**
 * Shows a whole screen and moves the focus to its heading.
 * @param {...Child} children
 */
export function showScreen(...children) {
  const app = /** @type {HTMLElement} */ (document.getElementById('app'));
  fill(app, ...children);
  // What was said on the screen before is of no use on this one.
  announce('');
  window.scrollTo(0, 0);
  const heading = app.querySelector('h1');
  if (heading) {
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
  }
}
