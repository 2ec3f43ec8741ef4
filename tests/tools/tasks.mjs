// An agent on the official TypeScript packages for tasks: node tasks.mjs MODULES URL KEY ARGUMENTS. It waits with these arguments, says on
// a line of its output what that became, and on the next what came of it.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, url, key, args] = process.argv.slice(2);
const resolve = createRequire(pathToFileURL(`${modules}/`)).resolve;
const { Client, StreamableHTTPClientTransport } = await import(pathToFileURL(resolve('@modelcontextprotocol/client')));
const tasks = join(modules, 'node_modules/@modelcontextprotocol/ext-tasks/dist/client/index.js');
const { createTaskSessionFromClient, resultFromTaskOutcome } = await import(pathToFileURL(tasks));

const protocolVersion = '2026-07-28';
const clientInfo = { name: 'story', version: '1' };
const clientCapabilities = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
const headers = { Authorization: `Bearer ${key}` };
const client = new Client(clientInfo, { capabilities: clientCapabilities, versionNegotiation: { mode: { pin: protocolVersion } } });
await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));

// What the client's own codecs do not know goes past them.
const rawDispatch = async (request) => {
  const name = request.params?.name ?? request.params?.taskId;
  const answer = await fetch(url, {
    method: 'POST',
    headers: {
      ...headers,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': protocolVersion,
      'Mcp-Method': request.method,
      ...(name && { 'Mcp-Name': name }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: crypto.randomUUID(), ...request }),
  });
  return answer.json();
};

const session = createTaskSessionFromClient(client, {
  endpointId: 'story',
  rawDispatch,
  v2RequestFraming: { protocolVersion, clientInfo, clientCapabilities },
});
const execution = await session.callTool('temp_chat_wait_for_messages', JSON.parse(args));
console.log(JSON.stringify({ kind: execution.kind }));
const { outcome } = await execution.settle();
console.log(JSON.stringify(resultFromTaskOutcome(outcome)));
await session.close();
await client.close();
