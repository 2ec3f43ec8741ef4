// What the page's modules cost, and what they keep: those that run without a document. `node --test` runs this.

import assert from 'node:assert/strict';
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';

const module = (name) => import(new URL(`../../gateway/web/assets/${name}.js`, import.meta.url));
const { initialState, reduce, answersOf } = await module('store');
const { getMessages } = await module('api');
const { pbkdf2 } = await module('pbkdf2');
const { Stream } = await module('stream');

const SESSION = { id: 'ses_1', status: 'active', agent_name: 'Ada', agent_state: 'online', messages_left: 100 };
const message = (n, from = 'agent') => ({
  id: `evt_${n}`, type: 'message', at: '2026-01-01T00:00:00Z', cursor: `c${n}`, data: { from, text: `${n}` },
});

test('a long history is read through once', () => {
  const LENGTH = 2_000;
  let reads = 0;
  const events = Array.from({ length: LENGTH }, (_, n) => {
    const { id, ...rest } = message(n);
    return Object.defineProperty(rest, 'id', { enumerable: true, get: () => (reads += 1) && id });
  });
  for (const type of ['history', 'events']) {
    reads = 0;
    const state = reduce(initialState(SESSION), { type, events });
    assert.equal(state.log.length, LENGTH);
    assert.ok(reads <= 4 * LENGTH, `${type}: ${reads} looks at ids`);
  }
});

test('an event that is there already changes nothing, in any company', () => {
  const state = reduce(initialState(SESSION), { type: 'events', events: [message(1), message(2, 'chatter')] });
  assert.equal(state.session.messages_left, 99);
  assert.equal(reduce(state, { type: 'events', events: [message(2, 'chatter')] }), state);
  const more = reduce(state, { type: 'events', events: [message(2, 'chatter'), message(3), message(3)] });
  assert.deepEqual(more.log.map(({ id }) => id), ['evt_1', 'evt_2', 'evt_3']);
  assert.equal(more.session.messages_left, 99);
});

test('what is so already makes no other state', () => {
  const state = initialState(SESSION);
  for (const action of [
    { type: 'connection', connection: 'connecting' },
    { type: 'agent', state: 'online' },
    { type: 'agent_typing', typing: false },
    { type: 'events', events: [] },
  ]) assert.equal(reduce(state, action), state, action.type);
  assert.equal(reduce(state, { type: 'connection', connection: 'live' }).connection, 'live');
});

test('what was complete is closed once the agent goes on, also where the log does not say so', () => {
  const answer = (n, missing, values) => ({ id: `evt_a${n}`, type: 'answer', data: { question_id: 'q', values, missing } });
  const log = [answer(1, ['b'], { a: 1 }), message(1), answer(2, [], { b: 2 }), message(2, 'chatter')];
  const open = { values: { a: 1, b: 2 }, missing: [], spoke: true };
  assert.deepEqual(answersOf({ log }).get('q'), open);
  const spoken = { ...message(3), at: '2026-11-28T08:00:00.000Z' };
  const closed = { question_id: 'q', why: 'answered', at: spoken.at };
  assert.deepEqual(answersOf({ log: [...log, spoken] }).get('q'), { ...open, closed });
});

test('a question is closed once: what the log says first is so', () => {
  const closed = (why) => ({ id: `evt_${why}`, type: 'question_closed', at: '2026-11-28T08:00:00.000Z', data: { question_id: 'q', why } });
  const log = [closed('withdrawn'), closed('timed_out')];
  assert.equal(answersOf({ log }).get('q').closed.why, 'withdrawn');
});

test('a request leaves no listener behind', async () => {
  const signal = new AbortController().signal;
  globalThis.fetch = async () => Response.json({ events: [], has_more: false });
  for (let n = 0; n < 5; n += 1) await getMessages('ses_1', { signal });
  globalThis.fetch = async () => Response.json({ code: 'session_unknown' }, { status: 401 });
  await assert.rejects(getMessages('ses_1', { signal }));
  assert.equal(getEventListeners(signal, 'abort').length, 0);
  await assert.rejects(getMessages('ses_1', { signal: AbortSignal.abort() }));
});

/** Follows a stream whose answers are these texts; the last one stays open. */
function follow(...bodies) {
  const asked = [];
  globalThis.fetch = async (url, { signal }) => {
    asked.push(url);
    const text = bodies[asked.length - 1];
    const body = new ReadableStream({
      start: (controller) => {
        if (text !== undefined) controller.enqueue(new TextEncoder().encode(text));
        if (asked.length < bodies.length) controller.close();
        signal.addEventListener('abort', () => controller.error(signal.reason));
      },
    });
    return new Response(body, { headers: { 'Content-Type': 'text/event-stream' } });
  };
  const told = [];
  const stream = new Stream('ses_1', null, {
    onEvents: (events) => told.push(events.map(({ id }) => id)),
    onSignal: (type) => told.push(type),
    onPage: () => {},
    onReset: async () => null,
    onConnection: () => {},
    onRefused: () => {},
  });
  const until = async (is) => {
    while (!is()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  return { asked, told, stream, until };
}

const frame = (event) => `id: ${event.cursor}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;

test('what comes together is handed on together, in its order', async () => {
  const typing = 'event: typing\ndata: {"by":"agent","typing":true}\n\n';
  const text = [1, 2, 3].map((n) => frame(message(n))).join('') + typing + frame(message(4));
  const { told, stream, until } = follow(text);
  await until(() => told.length === 3);
  assert.deepEqual(told, [['evt_1', 'evt_2', 'evt_3'], 'typing', ['evt_4']]);
  assert.equal(stream.cursor, 'c4');
  stream.stop();
});

test('the cursor passes nothing that was not handed on', async () => {
  const broken = 'retry: 1\n\n' + frame(message(1)) + 'id: c2\nevent: message\ndata: {"id":\n\n';
  const { asked, told, stream, until } = follow(broken, frame(message(1)) + frame(message(2)));
  await until(() => told.length === 1);
  assert.deepEqual(told, [['evt_1', 'evt_2']]);
  assert.ok(!asked[1].includes('after'), asked[1]);
  stream.stop();
});

test('the digest of pages over plain http is that of everybody', async () => {
  for (const [rounds, passwordLength, saltLength] of [[1, 20, 16], [2, 20, 16], [5_000, 20, 16], [3, 64, 51], [3, 0, 0]]) {
    const [password, salt] = [randomBytes(passwordLength), randomBytes(saltLength)];
    const ours = await pbkdf2(Uint8Array.from(password), Uint8Array.from(salt), rounds, 32);
    assert.equal(Buffer.from(ours).toString('hex'), pbkdf2Sync(password, salt, rounds, 32, 'sha256').toString('hex'));
  }
});

test('canonical JSON is broken into lines, and nothing else of it changes', async () => {
  const { pretty } = await module('legible');
  const json = '{"10":1e+30,"9":[],"a":{"b":[1,{"c":"x, {\\"y\\": [z]}\\\\"}]},"o":{},"t":true}';
  const lines = pretty(json);
  assert.deepEqual(JSON.parse(lines), JSON.parse(json));
  // Order and numbers stand as they stood: only line breaks, indents and the blank after a colon were put in.
  assert.equal(lines.split('\n').map((line) => line.trim().replace(/^("[^"]*"): /, '$1:')).join(''), json);
  assert.equal(lines.split('\n')[1], '  "10": 1e+30,');
});
