// What messages with calls look like to templates with different habits.
import { expect, test } from 'vitest';
import { templateMessages } from '../../../../gateway/api/text/chat-messages.ts';
import { compileTemplate } from '../../../../gateway/api/text/template.ts';

const calling = (ids: readonly string[]) => ({
  role: 'assistant' as const,
  content: null,
  tool_calls: ids.map((id) => ({
    id,
    type: 'function' as const,
    function: { name: 'f', arguments: '{"a": 1}' },
  })),
});
const answered = (id: string) => ({ role: 'tool' as const, tool_call_id: id, content: 'x' });
const messagesFor = (source: string, sent: Parameters<typeof templateMessages>[0]) => {
  const template = compileTemplate(`${source}{# 'tool' tool_calls #}`, { bos: undefined, eos: undefined });
  return templateMessages(sent, template);
};

test('the content of a message that has only calls is empty, or null if the template asks for null', () => {
  const contentFor = (source: string) => messagesFor(source, [calling(['a'])])[0]?.content;
  expect(contentFor('{% for message in messages %}{{ message.content }}{% endfor %}')).toBe('');
  const asking = [
    "{% if message['role'] == 'assistant' and message['content'] is none %}{% endif %}",
    '{% if message["role"] == "assistant" and message["content"] is none %}{% endif %}',
    "{% if message['role'] == 'assistant' and message.get('content') is none %}{% endif %}",
    "{% if message.role == 'assistant' and message.content is none %}{% endif %}",
  ];
  for (const source of asking) expect([source, contentFor(source)]).toEqual([source, null]);
  expect(
    contentFor("{% if message['role'] == 'assistant' and message['content'] is not none %}{% endif %}"),
  ).toBe('');
});

test('ids become short if the template raises an exception for others', () => {
  const sent = [calling(['call_a', 'call_b']), answered('call_b'), answered('call_a'), calling(['call_c'])];
  const idsFor = (source: string) => {
    return messagesFor(source, sent).map(
      (message) => message.tool_call_id ?? message.tool_calls?.map(({ id }) => id),
    );
  };
  expect(idsFor('{% if tool_call.id|length != 9 %}{% endif %}')).toEqual([
    ['000000000', '000000001'],
    '000000001',
    '000000000',
    ['000000002'],
  ]);
  expect(idsFor('')).toEqual([['call_a', 'call_b'], 'call_b', 'call_a', ['call_c']]);
});

test('arguments are text if the template joins them to another text', () => {
  const argumentsFor = (source: string) => {
    return messagesFor(source, [calling(['a'])])[0]?.tool_calls?.[0]?.function.arguments;
  };
  const joining = [
    "tool['function']['arguments'] + 'x'",
    'tool["function"]["arguments"] + "x"',
    "c.function.arguments + 'x'",
  ];
  for (const source of joining) expect(argumentsFor(`{{ ${source} }}`)).toBe('{"a": 1}');
  expect(argumentsFor("{{ tool['function']['arguments'] | tojson }}")).toEqual({ a: 1 });
});
