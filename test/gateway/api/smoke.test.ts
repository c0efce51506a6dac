import { test } from 'vitest';
import { MODEL, openRoom, readEvents } from './harness.ts';

test('x', async () => {
  const room = await openRoom();
  console.log(
    JSON.stringify(
      await room.post('/v1/completions', {
        model: MODEL,
        prompt: 'hi',
        max_tokens: 5,
        logprobs: 2,
        expertgrid: { digests: true },
      }),
    ),
  );
  console.log(
    JSON.stringify(
      await room.post('/v1/chat/completions', {
        model: MODEL,
        messages: [{ role: 'user', content: 'hi <|end|>' }],
        max_tokens: 5,
      }),
    ),
  );
  const r = await fetch(room.url + '/v1/chat/completions', {
    method: 'POST',
    body: JSON.stringify({
      model: MODEL,
      messages: [{ role: 'user', content: 'hi' }],
      max_tokens: 3,
      stream: true,
      stream_options: { include_usage: true },
    }),
  });
  console.log([...r.headers]);
  console.log((await readEvents(r)).values.map((x) => JSON.stringify(x)).join('\n'));
  console.log(room.engine.requests.map((r) => r.prompt));
  console.log(await (await fetch(room.url + '/metrics')).text());
  console.log(room.logs);
  console.log(
    JSON.stringify(await room.post('/v1/nope', {})),
    JSON.stringify(await room.post('/v1/models/', {})),
  );
  const ch = await fetch(room.url + '/v1/completions', {
    method: 'POST',
    duplex: 'half',
    body: new ReadableStream({
      start(c) {
        c.enqueue(new TextEncoder().encode(JSON.stringify({ model: MODEL, prompt: 'x' })));
        c.close();
      },
    }),
  } as RequestInit);
  console.log(ch.status, await ch.text());
});
