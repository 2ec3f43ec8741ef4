/**
 * The one door through which markup enters the page: an agent's markdown, which the server has rendered and
 * sanitised. The content policy allows no other (`trusted-types tempchat`), and no script to run.
 */

/** @typedef {{ createHTML(html: string): string }} Policy */
/** @typedef {{ createPolicy(name: string, rules: Policy): Policy }} PolicyFactory */

const factory = /** @type {{ trustedTypes?: PolicyFactory }} */ (/** @type {unknown} */ (globalThis)).trustedTypes;
const policy = factory?.createPolicy('tempchat', { createHTML: (html) => html });

/**
 * Fills `element` with markup that the server has sanitised.
 * @param {HTMLElement} element
 * @param {string} html
 */
export function setAgentHtml(element, html) {
  element.innerHTML = policy ? policy.createHTML(html) : html;
  for (const link of element.querySelectorAll('a')) {
    link.target = '_blank';
    link.rel = 'noopener noreferrer nofollow';
  }
  // Each paragraph runs as its own language does.
  for (const block of element.querySelectorAll('p, li, ul, ol, blockquote, table, h1, h2, h3, h4, h5, h6')) block.setAttribute('dir', 'auto');
  // Wide content scrolls inside its bubble, with the keyboard too.
  requestAnimationFrame(() => {
    for (const wide of element.querySelectorAll('pre, table')) {
      if (wide.scrollWidth > wide.clientWidth) wide.setAttribute('tabindex', '0');
    }
  });
}
