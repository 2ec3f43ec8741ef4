/**
 * How the page carries its credential: as a cookie, which browsers see to. In another site's page they block it; there
 * `frame.js` puts its own way in the place of this one.
 */

/** @import { Joined } from '../contract.d.ts' */

/**
 * @typedef {object} Carrier
 * @property {'cookie' | 'bearer'} credential
 * @property {(path: string) => Record<string, string>} headersFor proves who asks, for a request below `/api/v1`
 * @property {(joined: Joined) => void} keep takes the credential that joining gave
 */

/** @type {Carrier} */
export const carrier = { credential: 'cookie', headersFor: () => ({}), keep: () => {} };

/** Whether this page is in another page's frame. */
export const inFrame = () => carrier.credential === 'bearer';
