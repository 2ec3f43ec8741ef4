/**
 * A link's chat as a bubble in another site's page: `<script src="…/embed.js" data-link="TOKEN" data-label="Chat" async></script>`.
 * The chat itself is a frame of its own origin. Nothing that is said there reaches this page, and of this page nothing
 * reaches the chat but its origin, so that the frame knows to whom it may say "close".
 */
(() => {
  // Tag managers run it in ways of their own, and some take away what they do not know: then the address says which link
  // (`embed.js?link=TOKEN`).
  const script = document.currentScript ?? document.querySelector('script[src*="/embed.js"]');
  if (!(script instanceof HTMLScriptElement)) return;
  const address = new URL(script.src);
  // The service may share its host: all of its pages are beside this script.
  const base = new URL('.', address);
  const given = (/** @type {string} */ name) => script.dataset[name] ?? address.searchParams.get(name);
  const [link, label, closeLabel] = [given('link') ?? '', given('label') ?? 'Chat', given('closeLabel') ?? 'Close the chat'];
  if (!/^[a-z2-7]{40,200}$/.test(link)) {
    console.error('Tempchat: data-link must be the last part of a link’s address.');
    return;
  }

  // One bubble a page, however often the script is there: in a template and a tag manager, after each swap of the page.
  const BUBBLE = 'div[data-tempchat]';
  const living = () => {
    for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(BUBBLE))) {
      if (element.shadowRoot) return element;
      // A copy that some page keeps of itself has no life in it.
      element.remove();
    }
    return undefined;
  };
  const before = living();
  if (before?.dataset.tempchat === link) return;
  before?.remove();

  const styles = `
    :host { all: initial; }
    button { position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: 2147483647; inline-size: 60px;
      block-size: 60px; padding: 0; border: 0; border-radius: 50%; background: #1c6b57; color: #fff; cursor: pointer;
      box-shadow: 0 4px 16px rgb(0 0 0 / .3); }
    button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #1c6b57; }
    svg { inline-size: 28px; block-size: 28px; vertical-align: middle; fill: none; stroke: currentColor; stroke-width: 2;
      stroke-linecap: round; stroke-linejoin: round; }
    iframe { position: fixed; inset-block-end: 92px; inset-inline-end: 20px; z-index: 2147483646;
      inline-size: min(390px, calc(100vw - 40px)); block-size: min(640px, calc(100vh - 112px)); color-scheme: normal; border: 0; border-radius: 16px;
      background: Canvas; box-shadow: 0 8px 40px rgb(0 0 0 / .35); }
    iframe[hidden] { display: none; }
    @media (forced-colors: active) { button, iframe { border: 2px solid ButtonText; } }
    @media print { :host { display: none; } }`;

  const bubble = document.createElement('div');
  bubble.dataset.tempchat = link;
  const root = bubble.attachShadow({ mode: 'open' });
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(styles);
    root.adoptedStyleSheets = [sheet];
  } catch {
    // An older browser.
    root.append(Object.assign(document.createElement('style'), { textContent: styles }));
  }
  const button = document.createElement('button');
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  button.type = 'button';
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(path);
  button.append(svg);
  root.append(button);
  /** @type {HTMLIFrameElement | undefined} made at the first tap: until then nothing is loaded but this script */
  let frame;

  /** @param {boolean} open */
  function show(open) {
    if (open && !frame) {
      frame = document.createElement('iframe');
      frame.title = label;
      frame.referrerPolicy = 'no-referrer';
      frame.allow = 'clipboard-write';
      frame.src = `${base}embed/${link}#host=${encodeURIComponent(location.origin)}`;
      // Before the button, in the order of tabbing too.
      root.prepend(frame);
    }
    if (frame) frame.hidden = !open;
    button.setAttribute('aria-expanded', String(open));
    button.setAttribute('aria-label', open ? closeLabel : label);
    path.setAttribute('d', open ? 'M6 6l12 12M18 6 6 18' : 'M4 5h16v11h-9l-5 4v-4H4z');
  }
  function close() {
    show(false);
    button.focus();
  }
  button.addEventListener('click', () => {
    const open = !frame || Boolean(frame.hidden);
    show(open);
    if (open) frame?.focus();
  });
  root.addEventListener('keydown', (event) => {
    if (event instanceof KeyboardEvent && event.key === 'Escape' && frame && !frame.hidden) close();
  });
  // One word, from our own frame: Escape was pressed there.
  addEventListener('message', (event) => {
    if (event.origin === base.origin && frame && event.source === frame.contentWindow && event.data === 'tempchat:close') close();
  });

  // A keyboard on the screen covers what is at the bottom of this page: the frame stays above it.
  const viewport = window.visualViewport;
  viewport?.addEventListener('resize', () => {
    if (!frame) return;
    const covered = innerHeight - viewport.height - viewport.offsetTop;
    const isCovered = covered > 100 && viewport.scale < 1.01;
    frame.style.insetBlockEnd = isCovered ? `${covered + 8}px` : '';
    frame.style.blockSize = isCovered ? `${viewport.height - 16}px` : '';
  });

  show(false);
  // Pages exchange their body as a whole, or clean it: what takes the bubble away gets it back, and an open chat is opened again.
  const watcher = new MutationObserver(() => settle());
  function settle() {
    const other = living();
    if (other && other !== bubble) return watcher.disconnect();
    if (!bubble.isConnected) document.body?.append(bubble);
    watcher.disconnect();
    for (const place of [document, document.documentElement, document.body]) {
      if (place) watcher.observe(place, { childList: true });
    }
  }
  settle();
})();
