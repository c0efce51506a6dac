// What the tests of tools and items of POST /v1/responses share: one room for a file, whose model says what a test sets, and how a
// request is answered, prompted and constrained.
import { afterAll, beforeAll } from 'vitest';
import { NO_EFFECT } from '../../../../gateway/api/requests/fields/no-effect.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { namedEvents } from '../anthropic/named-events.ts';
import { JSON_TYPE, MODEL, type Room, say, startRoom } from '../harness.ts';
import { event, response } from './shapes.ts';

/** What the model says. */
export const model = { says: '' };

export let room: Room;
beforeAll(async () => {
  room = await startRoom({ once: true, context: 4000, chat: TOOL_TEMPLATE, reply: () => say(model.says) });
});
afterAll(() => room.server.close(0));

export const call = (name: string, args: object) =>
  `<tool_call>\n{"name": "${name}", "arguments": ${JSON.stringify(args)}}\n</tool_call>`;

async function ask(body: object) {
  const asked = { model: MODEL, input: 'hello', ...body };
  const answer = await fetch(`${room.url}/v1/responses`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify(asked),
  });
  return { answer, text: await answer.text() };
}

/** The answer, what was given to the engine, and the prompt's text. */
export async function whole(body: object) {
  const { answer, text } = await ask(body);
  const request = room.engine.requests.at(-1);
  const tokens = [...(request?.prompt ?? [])];
  const detokenized = await fetch(`${room.url}/detokenize`, {
    method: 'POST',
    headers: JSON_TYPE,
    body: JSON.stringify({ tokens }),
  });
  const { prompt }: { prompt: string } = JSON.parse(await detokenized.text());
  return {
    body: response.parse(JSON.parse(text)),
    noEffect: answer.headers.get(NO_EFFECT),
    constraint: request?.constraint,
    prompt,
  };
}

export async function streamed(body: object) {
  const { text } = await ask({ ...body, stream: true });
  return namedEvents(text, event);
}

export const patch = { type: 'custom', name: 'patch', description: 'Changes files.' };
export const files = {
  type: 'namespace',
  name: 'files',
  description: 'Of this machine.',
  tools: [{ type: 'function', name: 'read', description: 'One.' }, patch],
};
