// System messages in the middle of a conversation: if the template shows them, they stay. If not, they become user messages.
import { expect, test } from 'vitest';
import { placeSystemTurns } from '../../../../gateway/api/text/system-turns.ts';
import { compileTemplate, type TemplateMessage } from '../../../../gateway/api/text/template.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { JSON_TYPE, MODEL, openRoom } from '../harness.ts';

const turns = '{% for m in rest %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>';
const split =
  "{% if messages[0].role == 'system' %}<|system|>{{ messages[0].content }}<|end|>{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif %}";
/** Like the templates of Mistral and Gemma, raises unless the roles of user and assistant alternate. */
const ALTERNATING = `${split}{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}{% endfor %}${turns}`;
/** After the first message, leaves out all messages except those of users and assistants. */
const FORGETFUL = `${split}{% for m in rest %}{% if m.role == 'user' %}<|user|>{{ m.content }}<|end|>{% elif m.role == 'assistant' %}<|assistant|>{{ m.content }}<|end|>{% endif %}{% endfor %}<|assistant|>`;

const template = (source: string) => compileTemplate(source, { bos: undefined, eos: undefined });
const said = (...words: string[]) => {
  return words.map((word) => ({ role: word.split(' ')[0], content: word }) as TemplateMessage);
};

test.each([
  ['a template that shows every message', `${split}${turns}`],
  ['nano’s template', TOOL_TEMPLATE],
])('system messages do not change for %s', (_, source) => {
  const messages = said('system a', 'user b', 'system c', 'user d');
  expect(placeSystemTurns(messages, template(source))).toEqual(messages);
});

test.each([
  ['raises', ALTERNATING],
  ['leaves such messages out', FORGETFUL],
])('system messages become part of the user’s turn if the template %s', (_, source) => {
  const messages = said('system a', 'user b', 'system c', 'user d', 'assistant e', 'system f', 'user g');
  const placed = placeSystemTurns(messages, template(source));
  expect(placed).toEqual([
    { role: 'system', content: 'system a' },
    { role: 'user', content: 'user b\nsystem c\nuser d' },
    { role: 'assistant', content: 'assistant e' },
    { role: 'user', content: 'system f\nuser g' },
  ]);
  expect(template(source).render({ messages: placed })).toContain('system c');
  // A conversation without later system messages does not change.
  const plain = said('system a', 'user b', 'user c');
  expect(placeSystemTurns(plain, template(source))).toEqual(plain);
});

test.each(['/v1/chat/completions', '/v1/messages'])(
  '%s accepts later system messages if the template requires that roles alternate',
  async (path) => {
    const room = await openRoom({ once: true, chat: ALTERNATING });
    const messages = said('user a', 'system b', 'user c');
    const asked = { model: MODEL, max_tokens: 9, messages };
    const answer = await fetch(room.url + path, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify(asked),
    });
    expect(answer.status).toBe(200);
    const tokens = [...(room.engine.requests[0]?.prompt ?? [])];
    const read = await fetch(`${room.url}/detokenize`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify({ tokens }),
    });
    expect(await read.json()).toEqual({ prompt: '<|user|>user a\nsystem b\nuser c<|end|><|assistant|>' });
  },
);
