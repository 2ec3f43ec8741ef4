/**
 * What only one tab of a browser does at a time. Plain http on a local network has no locks, and a browser that keeps nothing
 * for a page refuses them: then every tab is by itself.
 */

/** Whether a request for a lock came to its end by somebody's wish: let go of, or taken by another tab. @param {unknown} error */
export const wasLetGo = (error) => error instanceof DOMException && error.name === 'AbortError';

/**
 * Runs `work` while no other tab does; without locks at once.
 * @param {string} name
 * @param {() => Promise<void>} work
 * @returns {Promise<void>}
 */
export async function alone(name, work) {
  let begun = false;
  try {
    await navigator.locks.request(name, () => {
      begun = true;
      return work();
    });
  } catch (error) {
    if (begun) throw error;
    await work();
  }
}
