// Shared by the tests of tools and items of POST /v1/responses: one server for each test file. Its model writes the text that a
// test sets.
import { afterAll, beforeAll } from 'vitest';
import { NO_EFFECT } from '../../../../gateway/api/requests/fields/no-effect.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { namedEvents } from '../anthropic/named-events.ts';
import { JSON_TYPE, MODEL, type Room, say, startRoom } from '../harness.ts';
import { event, response } from './shapes.ts';

/** The text that the model writes. */
export const model = { says: '' };

export let room: Room;

/** Each test file calls this once. A hook at the top of this module would run only for the first test file that imports it. */
export function useRoom(): void {
  beforeAll(async () => {
    model.says = '';
    room = await startRoom({ once: true, context: 4000, chat: TOOL_TEMPLATE, reply: () => say(model.says) });
  });
  afterAll(() => room.server.close(0));
}

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

/** The answer, the request that the engine got, and the text of the prompt. */
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
