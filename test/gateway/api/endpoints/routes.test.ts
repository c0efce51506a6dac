// The field `"expertgrid": {"routes": true}`: whole answers and chunks contain the experts of each token.
import { expect, test } from 'vitest';
import { JSON_TYPE, MODEL, openRoom, readEvents, say } from '../harness.ts';

const ask = { model: MODEL, prompt: 'hello', max_tokens: 3, expertgrid: { routes: true } };
/** The experts that the fake engine reports for a token: in layer 0 its index in the answer, in layer 1 its id and its id + 1. */
const routeOf = (place: number, id: number) => [[place], [id, id + 1]];
const [hello = 0, world = 0] = say('hello world');

test('a whole answer contains the routes of every choice beside its other fields', async () => {
  const { post } = await openRoom();
  const { body } = await post('/v1/completions', { ...ask, prompt: ['hello', 'x'], seed: 7 });
  const routes = [routeOf(0, hello), routeOf(1, world), routeOf(2, hello)];
  expect(body.expertgrid).toEqual({ seed: 7, routes: [routes, routes] });
});

test('a chat contains routes too, also together with digests', async () => {
  const { post } = await openRoom();
  const { body } = await post('/v1/chat/completions', {
    model: MODEL,
    messages: [{ role: 'user', content: 'hi' }],
    max_tokens: 1,
    expertgrid: { routes: true, digests: true },
  });
  expect(body.expertgrid).toMatchObject({
    routes: [[routeOf(0, hello)]],
    digests: [[`digest-0-${hello}`]],
  });
});

test('each chunk contains the routes of the tokens whose text it contains', async () => {
  const euro = say('€');
  const { url } = await openRoom({ reply: () => [...say('a'), ...euro], once: true });
  const body = JSON.stringify({ ...ask, max_tokens: 9, stream: true });
  const { values } = await readEvents(
    await fetch(`${url}/v1/completions`, { method: 'POST', headers: JSON_TYPE, body }),
  );
  const pieces = values.flatMap(({ choices, expertgrid }) =>
    choices[0]?.text ? [{ text: choices[0].text, routes: expertgrid.routes }] : [],
  );
  expect(pieces).toEqual([
    { text: 'a', routes: [routeOf(0, say('a')[0]!)] },
    { text: '€', routes: euro.map((id, i) => routeOf(1 + i, id)) },
  ]);
});

test('answers contain no routes if the request does not ask for them', async () => {
  const { post, engine } = await openRoom();
  const { body } = await post('/v1/completions', { ...ask, expertgrid: { routes: false } });
  expect(body.expertgrid).not.toHaveProperty('routes');
  expect(engine.requests[0]?.routes).toBe(false);
});

test('answers 400 naming "expertgrid.routes" if its type is wrong', async () => {
  const { post } = await openRoom();
  const { status, body } = await post('/v1/completions', { ...ask, expertgrid: { routes: 'yes' } });
  expect([status, body.error.param]).toEqual([400, 'expertgrid.routes']);
});
