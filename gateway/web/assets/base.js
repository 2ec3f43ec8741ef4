/**
 * Where this service begins: at its host, or below a path of a host that it shares with others.
 */

/** A path that ends with a slash. All our files are in `assets/HASH/` below it. */
export const base = new URL('../../', import.meta.url).pathname;

/** This page's address behind it. */
export const here = () => location.pathname.slice(base.length);
