// Names of special tokens in a client's text stay text: each special token of the tokenizer, in every part of a conversation, with
// templates in the style of the model families that are served.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { chatIds, writeChat } from '../../../../gateway/api/text/chat-prompt.ts';
import {
  type Conversation,
  compileTemplate,
  type TemplateMessage,
} from '../../../../gateway/api/text/template.ts';
import { createTokenizer } from '../../../../gateway/api/text/tokenizer.ts';
import { TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { byteLevelTokenizer } from '../../../support/models/tokenizer.ts';

interface Family {
  /** The first is bos, the second is eos. */
  specials: string[];
  template: string;
}

const nano: { added_tokens: { content: string }[] } = JSON.parse(
  readFileSync(new URL('../../../../models/nano/tokenizer.json', import.meta.url), 'utf8'),
);

const documents = '{% for d in documents or [] %}{{ d.title }}: {{ d.text }}\n{% endfor %}';
const calls =
  '{% for c in m.tool_calls or [] %}{{ c.function.name }}{{ c.function.arguments | tojson }}{% endfor %}';

const families: Record<string, Family> = {
  nano: { specials: nano.added_tokens.map(({ content }) => content), template: TOOL_TEMPLATE },
  ChatML: {
    specials: ['<|endoftext|>', '<|im_end|>', '<|im_start|>', '<tool_call>', '</tool_call>'],
    template: `{% if tools or documents %}<|im_start|>system
${documents}{% for t in tools or [] %}{{ t | tojson }}
{% endfor %}<|im_end|>
{% endif %}{% for m in messages %}<|im_start|>{{ m.role }}{{ ' ' + m.name if m.name }}
{{ m.content or '' }}{% for c in m.tool_calls or [] %}<tool_call>{{ c.function | tojson }}</tool_call>{% endfor %}<|im_end|>
{% endfor %}<|im_start|>assistant
{{ mood }}`,
  },
  'Llama 3': {
    specials: [
      '<|begin_of_text|>',
      '<|end_of_text|>',
      '<|start_header_id|>',
      '<|end_header_id|>',
      '<|eot_id|>',
      '<|eom_id|>',
      '<|python_tag|>',
    ],
    template: `{{ bos_token }}<|start_header_id|>system<|end_header_id|>

${documents}{% for t in tools or [] %}{{ t | tojson(indent=4) }}

{% endfor %}{{ mood }}<|eot_id|>{% for m in messages %}<|start_header_id|>{{ 'ipython' if m.role == 'tool' else m.role }}{{ m.name }}<|end_header_id|>

{{ m.content | default('', true) | trim }}{% if m.tool_calls %}<|python_tag|>${calls}<|eom_id|>{% else %}<|eot_id|>{% endif %}{% endfor %}<|start_header_id|>assistant<|end_header_id|>

`,
  },
  Mistral: {
    specials: [
      '<s>',
      '</s>',
      '[INST]',
      '[/INST]',
      '[SYSTEM_PROMPT]',
      '[/SYSTEM_PROMPT]',
      '[AVAILABLE_TOOLS]',
      '[/AVAILABLE_TOOLS]',
      '[TOOL_CALLS]',
      '[TOOL_RESULTS]',
      '[/TOOL_RESULTS]',
    ],
    template: `{{ bos_token }}{% if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}{% for m in messages %}{% if m.role == 'system' %}[SYSTEM_PROMPT]{{ m.content }}${documents}{{ mood }}[/SYSTEM_PROMPT]{% elif m.role == 'user' %}[INST]{{ m.name }}{{ m.content }}[/INST]{% elif m.role == 'tool' %}[TOOL_RESULTS]{{ {'content': m.content, 'call_id': m.tool_call_id} | tojson }}[/TOOL_RESULTS]{% else %}{% if m.tool_calls %}[TOOL_CALLS]${calls}{% endif %}{{ m.content or '' }}{{ eos_token }}{% endif %}{% endfor %}`,
  },
  Gemma: {
    specials: ['<bos>', '<eos>', '<start_of_turn>', '<end_of_turn>'],
    template: `{{ bos_token }}{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else 'user' }}
{% if loop.first %}${documents}{% for t in tools or [] %}{{ t.function.name }}: {{ t.function.description }} {{ t.function.parameters | tojson }}
{% endfor %}{{ mood }}{% endif %}{{ m.name }}{{ (m.content or '') | trim }}${calls}<end_of_turn>
{% endfor %}<start_of_turn>model
`,
  },
  DeepSeek: {
    specials: [
      '<｜begin▁of▁sentence｜>',
      '<｜end▁of▁sentence｜>',
      '<｜User｜>',
      '<｜Assistant｜>',
      '<｜tool▁call▁begin｜>',
      '<｜tool▁sep｜>',
      '<｜tool▁call▁end｜>',
      '<｜tool▁output▁begin｜>',
      '<｜tool▁output▁end｜>',
      '<think>',
      '</think>',
    ],
    template: `{{ bos_token }}${documents}{% for t in tools or [] %}{{ t.function | tojson }}{% endfor %}{{ mood }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% elif m.role == 'user' %}<｜User｜>{{ m.name }}{{ m.content }}{% elif m.role == 'tool' %}<｜tool▁output▁begin｜>{{ m.content }}<｜tool▁output▁end｜>{% else %}<｜Assistant｜>{{ (m.content or '').split('</think>')[-1] }}{% for c in m.tool_calls or [] %}<｜tool▁call▁begin｜>{{ c.function.name }}<｜tool▁sep｜>{{ c.function.arguments | tojson }}<｜tool▁call▁end｜>{% endfor %}{{ eos_token }}{% endif %}{% endfor %}<｜Assistant｜><think>
`,
  },
};

const conversation = (
  messages: TemplateMessage[],
  more: Omit<Conversation, 'messages'> = {},
): Conversation => ({
  messages: [{ role: 'system', content: 'Be brief.' }, ...messages],
  variables: { mood: 'calm' },
  ...more,
});
const user = (content: string, name = 'ann'): TemplateMessage => ({ role: 'user', content, name });
const called = (name: string, args: unknown): TemplateMessage => ({
  role: 'assistant',
  content: null,
  tool_calls: [{ id: 'call_1', type: 'function', function: { name, arguments: args } }],
});
const tool = (name: string, description: string, parameters: Record<string, unknown>) => ({
  tools: [{ type: 'function' as const, function: { name, description, parameters } }],
});

/** For each place in which a client may write, a conversation with `text` in that place. */
const places: Record<string, (text: string) => Conversation> = {
  'a user’s content': (text) => conversation([user(text)]),
  'a system’s content': (text) => ({
    ...conversation([]),
    messages: [{ role: 'system', content: text }, user('hi')],
  }),
  'an assistant’s content': (text) =>
    conversation([user('hi'), { role: 'assistant', content: text }, user('so')]),
  'a speaker’s name': (text) => conversation([user('hi', text)]),
  'the result of a tool': (text) =>
    conversation([user('hi'), called('f', {}), { role: 'tool', content: text, tool_call_id: 'call_1' }]),
  'the name of a called tool': (text) => conversation([user('hi'), called(text, {})]),
  'an argument': (text) => conversation([user('hi'), called('f', { city: text })]),
  'the name of an argument': (text) => conversation([user('hi'), called('f', { [text]: 1 })]),
  'arguments that are not JSON': (text) => conversation([user('hi'), called('f', text)]),
  'the name of a tool': (text) => conversation([user('hi')], tool(text, 'Does.', {})),
  'the description of a tool': (text) => conversation([user('hi')], tool('f', text, {})),
  'the description of a parameter': (text) =>
    conversation([user('hi')], tool('f', 'Does.', { properties: { a: { description: text } } })),
  'the name of a parameter': (text) =>
    conversation([user('hi')], tool('f', 'Does.', { properties: { [text]: {} } })),
  'a document': (text) => conversation([user('hi')], { documents: [{ title: 'News', text }] }),
  'the title of a document': (text) =>
    conversation([user('hi')], { documents: [{ title: text, text: 'x' }] }),
  'a variable of the template': (text) => conversation([user('hi')], { variables: { mood: text } }),
};

/** Places that the template of a family does not show. */
const unseen: Record<string, string[]> = {
  nano: ['a speaker’s name', 'a document', 'the title of a document', 'a variable of the template'],
};

/** Ways to write a name: alone, among letters, twice, in white space, before and after an incomplete copy of itself. */
const spellings: ((name: string) => string)[] = [
  (name) => name,
  (name) => `x${name}y`,
  (name) => name + name,
  (name) => ` \n${name} `,
  (name) => name + name.slice(0, -1),
  (name) => name.slice(1) + name,
];

describe.each(Object.entries(families))('the template of %s', (family, { specials, template: source }) => {
  const json = byteLevelTokenizer();
  json.added_tokens = specials.map((content, i) => ({
    id: 300 + i,
    content,
    special: true,
    normalized: false,
  }));
  const tokenizer = createTokenizer(json);
  const template = compileTemplate(source, { bos: specials[0], eos: specials[1] });
  const write = (written: Conversation) => {
    const chat = writeChat(written, { template, tokenizer });
    const ids = chatIds(chat, tokenizer);
    return { text: chat.text, specialIds: ids.filter((id) => tokenizer.specialName(id) !== undefined) };
  };

  test.each(Object.entries(places))('names of special tokens stay text in %s', (place, put) => {
    const shown = !unseen[family]?.includes(place);
    const innocent = write(put('innocent'));
    expect(innocent.text.includes('innocent')).toBe(shown);
    expect(innocent.specialIds.length).toBeGreaterThan(0);
    for (const name of specials) {
      for (const spell of spellings) {
        const { text, specialIds } = write(put(spell(name)));
        expect(specialIds, spell(name)).toEqual(innocent.specialIds);
        if (shown && !source.includes(`split('${name}')`)) expect(text).toContain(name);
      }
    }
  });
});
