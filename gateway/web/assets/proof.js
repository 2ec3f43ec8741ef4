/**
 * Proof of work: what a guess costs where there were many wrong ones, coming in where a network did harm, and a message where
 * abuse is suspected. The machine works, the person waits and may call it off; there is no puzzle. Loaded only when it is
 * asked for.
 */

import { fill, h } from './dom.js';
import { pbkdf2 } from './pbkdf2.js';
import { say } from './words.js';

/** @import { Challenge, Proof } from '../contract.d.ts' */

/** How many tries are under way at once: the browser has threads for them. */
const AT_ONCE = Math.min(navigator.hardwareConcurrency || 2, 4);
/** How often the bar moves. */
const SHOWN_EVERY_MS = 250;

/**
 * Works a challenge out, and says so meanwhile in `place`; nothing where the person calls it off.
 * @param {Challenge} challenge
 * @param {Element} place
 * @param {'proof.working' | 'proof.suspected'} why
 * @returns {Promise<Proof | undefined>}
 */
export async function prove(challenge, place, why) {
  const off = new AbortController();
  const { counters } = challenge.parameters.data;
  const bar = h('progress', { max: counters, value: 0, 'aria-label': say(why) });
  // The words come after the place for them: then they are read out.
  const told = h('p', { role: 'status' });
  fill(place, told, bar, h('button', { type: 'button', class: 'quiet plain', onclick: () => off.abort() }, say('proof.stop')));
  told.textContent = say(why);
  let shownAt = 0;
  try {
    const solution = await search(challenge.parameters, off.signal, (tried) => {
      const now = performance.now();
      if (now - shownAt < SHOWN_EVERY_MS) return;
      shownAt = now;
      bar.value = tried;
    });
    return solution && { challenge, solution };
  } finally {
    fill(place);
  }
}

/**
 * Tries one counter after another until the derived key begins as the challenge says.
 * @param {Challenge['parameters']} parameters
 * @param {AbortSignal} signal
 * @param {(tried: number) => void} onTried
 * @returns {Promise<Proof['solution'] | undefined>}
 */
async function search(parameters, signal, onTried) {
  const { salt, nonce, cost, keyLength, keyPrefix, data } = parameters;
  const derive = crypto.subtle ? deriveByBrowser : pbkdf2;
  /** @type {Proof['solution'] | undefined} */
  let found;
  let next = 0;
  const tries = async () => {
    while (!found && next < data.counters && !signal.aborted) {
      const counter = next++;
      const password = bytesOf(nonce + counter.toString(16).padStart(8, '0'));
      const derivedKey = hexOf(await derive(password, bytesOf(salt), cost, keyLength));
      if (derivedKey.startsWith(keyPrefix)) found = { counter, derivedKey };
      onTried(counter);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, tries));
  // What was called off stays so, also where the try under way was the right one.
  return signal.aborted ? undefined : found;
}

/**
 * @param {Uint8Array<ArrayBuffer>} password
 * @param {Uint8Array<ArrayBuffer>} salt
 * @param {number} iterations
 * @param {number} length in bytes
 */
async function deriveByBrowser(password, salt, iterations, length) {
  const key = await crypto.subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits']);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations }, key, length * 8));
}

/** @param {string} hex */
const bytesOf = (hex) => Uint8Array.from({ length: hex.length / 2 }, (_, at) => parseInt(hex.slice(2 * at, 2 * at + 2), 16));

/** @param {Uint8Array} bytes */
const hexOf = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
