/**
 * Reads server-sent events from a response body (WHATWG HTML, section 9.2.6).
 */

/** @typedef {{ id?: string, type: string, data?: string, retry?: number }} ServerEvent */

/**
 * Gives the blocks that each piece of the body completes, together; blocks without data too: the first one only carries an id.
 * @param {ReadableStream<Uint8Array>} body
 * @param {() => void} onBytes called for every piece that arrives, heartbeats included
 * @returns {AsyncGenerator<ServerEvent[]>}
 */
export async function* serverEvents(body, onBytes) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    onBytes();
    rest += decoder.decode(value, { stream: true });
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? '';
    if (blocks.length) yield blocks.map(parse);
  }
}

/**
 * @param {string} block
 * @returns {ServerEvent}
 */
function parse(block) {
  /** @type {ServerEvent} */
  const event = { type: 'message' };
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    const [, field, value = ''] = /^([^:]+)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === 'id') event.id = value;
    else if (field === 'event') event.type = value;
    else if (field === 'data') data.push(value);
    else if (field === 'retry') event.retry = Number(value) || undefined;
  }
  if (data.length) event.data = data.join('\n');
  return event;
}
