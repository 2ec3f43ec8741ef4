/**
 * The server's time: a phone's clock may be wrong by hours, and the end of a chat is the server's to say.
 */

let skew = 0;

/**
 * Learns the difference between the clocks from an answer's `now`.
 * @param {string} now RFC 3339
 */
export function learnTime(now) {
  const theirs = Date.parse(now);
  if (!Number.isNaN(theirs)) skew = theirs - Date.now();
}

/** The time there, in milliseconds. */
export const serverTime = () => Date.now() + skew;

/**
 * Milliseconds until `moment` by the server's clock; negative afterwards.
 * @param {string} moment RFC 3339
 */
export function millisecondsUntil(moment) {
  return Date.parse(moment) - serverTime();
}
