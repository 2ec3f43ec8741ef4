/**
 * PBKDF2 with HMAC-SHA-256 (RFC 8018, FIPS 180-4), for pages over plain http, where browsers have none: slower, and the same.
 */

/** How long the page may stand still. */
const SLICE_MS = 20;

/** The first 32 bits of the fractions of the first primes' roots. @param {number} count @param {number} root */
function fractions(count, root) {
  const found = [];
  for (let candidate = 2; found.length < count; candidate += 1) {
    let isPrime = true;
    for (let factor = 2; factor * factor <= candidate; factor += 1) isPrime = isPrime && candidate % factor !== 0;
    if (isPrime) found.push((candidate ** (1 / root) % 1) * 0x100000000 | 0);
  }
  return Int32Array.from(found);
}

const START = fractions(8, 2);
const ROUND = fractions(64, 3);
const schedule = new Int32Array(64);

let sliceBegan = 0;

/** @param {number} word @param {number} by */
const turned = (word, by) => (word >>> by) | (word << (32 - by));

/** Takes a block of 16 words into a state. @param {Int32Array} state @param {Int32Array} block */
function compress(state, block) {
  schedule.set(block);
  for (let at = 16; at < 64; at += 1) {
    const early = schedule[at - 15];
    const late = schedule[at - 2];
    schedule[at] = schedule[at - 16] + schedule[at - 7]
      + (turned(early, 7) ^ turned(early, 18) ^ (early >>> 3)) + (turned(late, 17) ^ turned(late, 19) ^ (late >>> 10));
  }
  let [a, b, c, d, e, f, g, last] = state;
  for (let at = 0; at < 64; at += 1) {
    const one = (last + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & f) ^ (~e & g)) + ROUND[at] + schedule[at]) | 0;
    const two = ((turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    last = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += last;
}

/** A last block behind one that was taken in already. @param {Uint8Array} bytes at most 55 */
function lastBlock(bytes) {
  const block = new Uint8Array(64);
  block.set(bytes);
  block[bytes.length] = 0x80;
  const words = wordsOf(block);
  words[15] = (64 + bytes.length) * 8;
  return words;
}

/** @param {Uint8Array} bytes a multiple of four */
function wordsOf(bytes) {
  const view = new DataView(bytes.buffer);
  return Int32Array.from({ length: bytes.length / 4 }, (_, at) => view.getInt32(4 * at));
}

/** The state behind a key's pad. @param {Uint8Array} key at most 64 bytes @param {number} pad */
function padded(key, pad) {
  const block = new Uint8Array(64);
  block.set(key);
  const state = START.slice();
  compress(state, wordsOf(block.map((byte) => byte ^ pad)));
  return state;
}

/**
 * Derives up to 32 bytes, and lets the page live meanwhile.
 * @param {Uint8Array} password at most 64 bytes
 * @param {Uint8Array} salt at most 51 bytes
 * @param {number} iterations
 * @param {number} length
 */
export async function pbkdf2(password, salt, iterations, length) {
  if (performance.now() - sliceBegan > SLICE_MS) {
    await new Promise((resolve) => { setTimeout(resolve); });
    sliceBegan = performance.now();
  }
  const inner = padded(password, 0x36);
  const outer = padded(password, 0x5c);
  const block = lastBlock(new Uint8Array(32));
  const key = new Int32Array(8);
  let message = lastBlock(Uint8Array.from([...salt, 0, 0, 0, 1]));
  for (let round = 0; round < iterations; round += 1) {
    const state = inner.slice();
    compress(state, message);
    block.set(state);
    const hash = outer.slice();
    compress(hash, block);
    for (let at = 0; at < 8; at += 1) key[at] ^= hash[at];
    block.set(hash);
    message = block;
  }
  const bytes = new DataView(new ArrayBuffer(32));
  key.forEach((word, at) => bytes.setInt32(4 * at, word));
  return new Uint8Array(bytes.buffer, 0, length);
}
