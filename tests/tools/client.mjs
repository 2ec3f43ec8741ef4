// An agent on the official TypeScript client: node client.mjs MODULES URL KEY ERA. It makes a link, says so on a line of its output,
// waits for the person's words, says them on the next line, and answers.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [modules, url, key, era] = process.argv.slice(2);
const resolve = createRequire(pathToFileURL(`${modules}/`)).resolve;
const { Client, StreamableHTTPClientTransport } = await import(pathToFileURL(resolve('@modelcontextprotocol/client')));

const mode = era === 'legacy' ? 'legacy' : { pin: era };
const client = new Client({ name: 'story', version: '1' }, { versionNegotiation: { mode } });
const headers = { Authorization: `Bearer ${key}` };
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));

const call = async (name, args) => {
  const result = await client.callTool({ name, arguments: args });
  if (result.isError) throw new Error(JSON.stringify(result.content));
  return result.structuredContent;
};
const say = (value) => console.log(JSON.stringify(value));

await client.listTools();
const link = await call('temp_chat_create_link', { title: 'A check-in' });
say(link);
// That somebody came may be told before they have said a word.
let heard = link;
do {
  heard = await call('temp_chat_wait_for_messages', { link_id: link.link_id, after: heard.next_cursor, timeout_seconds: 40 });
} while (!heard.events.some(({ type }) => type === 'message'));
say(heard);
const session_id = heard.events[0].session_id;
say(await call('temp_chat_send_message', { session_id, text: 'Thank you!', after: heard.next_cursor }));
await client.close();
