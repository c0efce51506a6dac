import { expect, test } from 'vitest';
import { callSyntaxOf } from '../../../../gateway/api/text/call-syntax.ts';
import { HERMES_CALLS } from '../../../support/call-syntax.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';

/** How the templates of Qwen2.5 and Qwen3 show a call, within a Jinja string. */
const qwen = String.raw`{{- "return a json object within <tool_call></tool_call> XML tags:\n<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call><|im_end|>\n" }}`;

test.each([
  ["nano's template", TOOL_TEMPLATE],
  ["Qwen's template", qwen],
])('callSyntaxOf finds JSON within tags in %s', (_, source) => {
  expect(callSyntaxOf(source, [])).toEqual(HERMES_CALLS);
});

test.each([
  ['a template without tools', '{{ messages[0].content }}'],
  [
    "Llama 3.1's bare JSON",
    '{"name": function name, "parameters": dictionary of argument name and its value}',
  ],
  ["Qwen3-Coder's elements", `${qwen}<tool_call>\n<function=example>\n<parameter=city>`],
  ["GLM's elements", `${qwen}<tool_call>{name}\n<arg_key>`],
  ["Mistral's list", '[TOOL_CALLS][{"name": "f", "arguments": {}}]'],
])('callSyntaxOf is undefined for %s', (_, source) => {
  expect(callSyntaxOf(source, [])).toBeUndefined();
});

test('callSyntaxOf is undefined if a tag is a special token', () => {
  expect(callSyntaxOf(qwen, ['<tool_call>', '</tool_call>'])).toBeUndefined();
});
