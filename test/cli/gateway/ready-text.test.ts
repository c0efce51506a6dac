// The text that a gateway prints when it is ready.
import { expect, test } from 'vitest';
import { type ReadyFacts, readyText } from '../../../cli/gateway/ready-text.ts';

const shard = (address: string, connected = true, inProcess = false) =>
  ({ address, connected, inProcess }) as ReadyFacts['engines'][number]['shards'][number];
const facts: ReadyFacts = {
  host: '127.0.0.1',
  port: 8080,
  models: ['nano', 'other'],
  seconds: 2.84,
  engines: [{ ready: true, shards: [shard('a:1'), shard('b:1')] }],
  keyed: false,
};

test('the text has the models, the address, the pages and an example request', () => {
  expect(readyText(facts)).toBe(`ready in 2.8 s: nano, other at http://127.0.0.1:8080, 2 of 2 shards connected

  console  http://127.0.0.1:8080/console
  API      http://127.0.0.1:8080/docs

  curl -N http://127.0.0.1:8080/v1/completions -H 'content-type: application/json' \\
    -d '{"model": "nano", "prompt": "Once upon a time,", "max_tokens": 60, "stream": true}'

`);
});

test('the text has a key if one is needed, brackets around an IPv6 address, and a hint if experts are missing', () => {
  const engines = [{ ready: false, shards: [shard('a:1'), shard('b:1', false)] }];
  const text = readyText({ ...facts, host: '::1', engines, keyed: true });
  expect(text).toMatch(
    /at http:\/\/\[::1\]:8080, 1 of 2 shards connected; not every expert is held yet, see \S+\/health\/ready\n/,
  );
  expect(text).toContain('-H "authorization: Bearer $EXPERTGRID_API_KEY"');
});

test('the text says that experts are held in this process only if there are other shards too', () => {
  const own = shard('in-process-0', true, true);
  const text = (shards: (typeof own)[]) => readyText({ ...facts, engines: [{ ready: true, shards }] });
  expect(text([shard('a:1'), own])).toContain(', 2 of 2 shards connected (1 in this process)\n');
  expect(text([own])).toContain(', 1 of 1 shards connected\n');
});
