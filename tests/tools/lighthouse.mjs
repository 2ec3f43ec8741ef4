// What Lighthouse says of a link's page on a phone: as the invited see it, and in the chat, light and dark; a line of JSON each.
// node lighthouse.mjs MODULES CHROMIUM URL [CATEGORY...]. Speed is measured as on a slow phone and network, unless it is not asked for.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, executablePath, url, ...categories] = process.argv.slice(2);
const resolve = createRequire(pathToFileURL(`${modules}/`)).resolve;
// Lighthouse brings the library along by which it drives a browser.
const { launch } = (await import(pathToFileURL(createRequire(resolve('lighthouse')).resolve('puppeteer-core')))).default;
const { default: lighthouse } = await import(pathToFileURL(resolve('lighthouse')));

const onlyCategories = categories.length ? categories : ['performance', 'accessibility', 'best-practices'];
const flags = {
  onlyCategories,
  // The cookie of the chat is in the profile.
  disableStorageReset: true,
  // A chat's stream of events never ends.
  maxWaitForLoad: 15_000,
  ...(onlyCategories.includes('performance')
    ? { throttlingMethod: 'simulate' }
    : { throttlingMethod: 'provided', networkQuietThresholdMs: 500, cpuQuietThresholdMs: 500 }),
  logLevel: 'silent',
};

// By a pipe: the browser ends with this program, however that ends.
const browser = await launch({ executablePath, pipe: true, args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
try {
  const guest = await browser.newPage();
  await look('invitation', url);
  await guest.goto(url);
  await guest.waitForSelector('form [type=submit]');
  await guest.click('form [type=submit]');
  await guest.waitForSelector('#message');
  const chat = guest.url();
  await guest.close();
  await look('chat', chat);
} finally {
  await browser.close();
}

/** Looks at a page twice. */
async function look(screen, address) {
  for (const theme of ['light', 'dark']) {
    const page = await browser.newPage();
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
    const { lhr } = await lighthouse(address, flags, undefined, page);
    await page.close();
    if (lhr.runtimeError) throw new Error(lhr.runtimeError.message);
    const scores = Object.fromEntries(Object.values(lhr.categories).map(({ id, score }) => [id, Math.round(score * 100)]));
    console.log(JSON.stringify({ screen, theme, scores, findings: findingsOf(lhr) }));
  }
}

/** What keeps a category from its best. */
function findingsOf({ categories, audits }) {
  const weighed = Object.values(categories).flatMap(({ auditRefs }) => auditRefs.filter(({ weight }) => weight > 0));
  return weighed.map(({ id }) => audits[id]).filter(({ score }) => score !== null && score < 0.9)
    .map(({ id, displayValue, details }) =>
      [id, displayValue, ...(details?.items ?? []).map(({ node, url, description }) => node?.snippet ?? url ?? description)]
        .filter(Boolean).join(' · '));
}
