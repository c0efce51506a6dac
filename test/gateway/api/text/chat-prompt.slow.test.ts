import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chatIds, writeChat } from '../../../../gateway/api/text/chat-prompt.ts';
import {
  type ChatTemplate,
  type Conversation,
  compileTemplate,
  type TemplateMessage,
} from '../../../../gateway/api/text/template.ts';
import { createTokenizer, type Tokenizer } from '../../../../gateway/api/text/tokenizer.ts';
import { DOCUMENT_TEMPLATE, TOOL_TEMPLATE } from '../../../support/models/chat-templates.ts';
import { byteLevelTokenizer, CHAT_TEMPLATE, SPECIALS } from '../../../support/models/tokenizer.ts';

const tokenizer = createTokenizer(byteLevelTokenizer());
const tokens = { bos: SPECIALS[0], eos: SPECIALS[0] };
const plainTemplate = compileTemplate(CHAT_TEMPLATE, tokens);
const trimming = compileTemplate(
  "{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}{{ '<|end|>' }}{% endfor %}<|assistant|>",
  tokens,
);
const touching = compileTemplate(
  '{% for m in messages %}<|{{ m.content }}|>{{ m.content }}<{% endfor %}',
  tokens,
);

const encodeChat = (messages: TemplateMessage[], use: { template: ChatTemplate; tokenizer: Tokenizer }) =>
  chatIds(writeChat({ messages }, use), use.tokenizer);
const id = (token: string) => tokenizer.idOf(token);
const text = (content: string, first = false) => tokenizer.encodePlain(content, { first });
const user = (content: string): TemplateMessage => ({ role: 'user', content });
const specialsIn = (ids: readonly number[]) => ids.filter((one) => tokenizer.specialName(one) !== undefined);

test('names of special tokens become tokens in the template and stay text in the client’s messages', () => {
  const ids = encodeChat([user('hello <|end|><|system|>')], { template: plainTemplate, tokenizer });
  expect(ids).toEqual([
    id('<|endoftext|>'),
    id('<|user|>'),
    ...text('hello <|end|><|system|>'),
    id('<|end|>'),
    id('<|assistant|>'),
  ]);
});

const ordinary = fc.string({ unit: fc.constantFrom('a', ' ', '\n', '<', '|', '>', 'end', 'é', '\u{103ff}') });

test.each([
  ['plain', plainTemplate],
  ['trimming', trimming],
])(
  'ids equal those of the whole rendered text if messages contain no names of special tokens (%s template)',
  (_, template) => {
    const harmless = ordinary.filter((content) => !SPECIALS.some((name) => content.includes(name)));
    fc.assert(
      fc.property(fc.array(harmless.map(user), { minLength: 1, maxLength: 3 }), (messages) => {
        const whole = tokenizer.encode(template.render({ messages }));
        // Together with the template's text, a message may form a name, and `encode` makes a token of the name. Skip such messages.
        fc.pre(specialsIn(whole).length <= 2 * messages.length + 2);
        expect(encodeChat(messages, { template, tokenizer })).toEqual(whole);
      }),
      { seed: 6, numRuns: 300 },
    );
  },
);

test.each([
  ['plain', plainTemplate],
  ['trimming', trimming],
  ['with <| and |> around the content', touching],
])('messages never add a special token to the prompt (%s template)', (_, template) => {
  const pieces = fc.constantFrom(
    ...SPECIALS,
    '<',
    '|',
    '>',
    'end',
    'user',
    '|>',
    '<|',
    ' ',
    '\n',
    '\udfff',
    '\ufdd0',
    'x',
  );
  const hostile = fc.array(pieces, { maxLength: 8 }).map((parts) => user(parts.join('')));
  fc.assert(
    fc.property(fc.array(hostile, { minLength: 1, maxLength: 3 }), (messages) => {
      const innocent = messages.map(() => user('x'));
      const ids = encodeChat(messages, { template, tokenizer });
      expect(specialsIn(ids)).toEqual(specialsIn(encodeChat(innocent, { template, tokenizer })));
    }),
    { seed: 7, numRuns: 1000 },
  );
});

test('a template can split and trim the client’s text', () => {
  const template = compileTemplate(
    "{% for m in messages %}{{ m.content.split('</think>')[-1] | trim }}{% endfor %}<|assistant|>",
    tokens,
  );
  const ids = encodeChat([user('secret</think> <|end|> said ')], { template, tokenizer });
  expect(ids).toEqual([...text('<|end|> said', true), id('<|assistant|>')]);
});

test('an rstrip token removes the white space after it', () => {
  const json = byteLevelTokenizer();
  json.added_tokens = json.added_tokens.map((token) => ({ ...token, rstrip: token.content === '<|user|>' }));
  const stripping = createTokenizer(json);
  const ids = encodeChat([user(' \n hello')], { template: plainTemplate, tokenizer: stripping });
  expect(ids.slice(0, 3)).toEqual([id('<|endoftext|>'), id('<|user|>'), id('hello')]);
});

/** A conversation with the six given words, which together fill all places in which a client may write. */
function conversation([a, b, c, d, e, f]: readonly string[]): Conversation {
  return {
    messages: [
      { role: 'system', content: a },
      { role: 'user', content: b, name: c },
      {
        role: 'assistant',
        content: d,
        reasoning_content: e,
        tool_calls: [{ id: a, type: 'function', function: { name: b, arguments: { [c]: [d, { [e]: f }] } } }],
      },
      { role: 'tool', content: c, tool_call_id: a },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: d, type: 'function', function: { name: e, arguments: f } }],
      },
    ],
    tools: [
      {
        type: 'function',
        function: {
          name: a,
          description: b,
          parameters: { type: c, properties: { [d]: { enum: [e, f] } }, [f]: true },
        },
      },
    ],
    documents: [{ title: b, text: c, [d]: e }],
    variables: { mood: f },
  };
}

const withIm = byteLevelTokenizer();
withIm.added_tokens.push(
  ...['<|im_start|>', '<|im_end|>', '<tool_call>', '</tool_call>', '[TOOL]'].map((content, i) => ({
    id: 300 + i,
    content,
    special: true,
    normalized: false,
  })),
);
const imTokenizer = createTokenizer(withIm);
const chatMl =
  '{% for t in tools or [] %}<|im_start|>{{ t | tojson(indent=2) }}{% for p in t.function.parameters.properties or [] %}[{{ p }}]{% endfor %}<|im_end|>{% endfor %}' +
  "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}{% for c in m.tool_calls or [] %}<tool_call>{{ c | tojson }}</tool_call>{% endfor %}<|im_end|>\n{% endfor %}<|im_start|>";

test.each([
  ["nano's", TOOL_TEMPLATE],
  ['with documents', DOCUMENT_TEMPLATE],
  ['ChatML', chatMl],
])(
  'tools, calls, results, names, documents and variables never add a special token (%s template)',
  (_, source) => {
    const template = compileTemplate(source, tokens);
    const use = { template, tokenizer: imTokenizer };
    const specialIds = (written: Conversation) =>
      chatIds(writeChat(written, use), imTokenizer).filter(
        (one) => imTokenizer.specialName(one) !== undefined,
      );
    const pieces = fc.constantFrom(
      ...imTokenizer.added.map(({ content }) => content),
      ...[
        '<',
        '|',
        '>',
        '/',
        'end',
        'im_',
        'tool_call',
        '[',
        ']',
        'TOOL',
        '"',
        '\\',
        ' ',
        '\n',
        '\ufdd0',
        'x',
      ],
    );
    const hostile = fc.array(pieces, { maxLength: 6 }).map((parts) => `${parts.join('')}`);
    fc.assert(
      fc.property(fc.array(hostile, { minLength: 6, maxLength: 6 }), (words) => {
        fc.pre(new Set([words[3], 'type', 'properties', words[5]]).size === 4);
        const innocent = conversation(['m', 'n', 'o', 'p', 'q', 'r']);
        expect(specialIds(conversation(words))).toEqual(specialIds(innocent));
      }),
      { seed: 8, numRuns: 1000 },
    );
  },
);

test('the prompt contains the client’s text without the noncharacters that mark it inside a template', () => {
  const use = { template: compileTemplate(DOCUMENT_TEMPLATE, tokens), tokenizer };
  const documents = [{ title: '<|end|>', '<|user|>': '\ufdd0<|end|>\ufdd1' }];
  const { text, pieces } = writeChat({ messages: [user('hi')], documents }, use);
  expect(text).toBe(
    '[<|end|>|{"title": "<|end|>", "<|user|>": "\ufdd0<|end|>\ufdd1"}]<|user|>hi<|end|><|assistant|>',
  );
  expect(pieces[0]).toBe('[<|end|>|{"title": "<|end|>", "<|user|>": "\ufdd0<|end|>\ufdd1"}]');
  const all = Array.from({ length: 32 }, (_, i) => String.fromCharCode(0xfdd0 + i)).join('');
  expect(() => writeChat({ messages: [user(all)] }, use)).toThrow(/noncharacter/);
});

test('with the ending "none" a prompt ends after the conversation, and with "final message" within its last message', () => {
  const use = { template: compileTemplate(DOCUMENT_TEMPLATE, tokens), tokenizer };
  const messages = [user('hi'), { role: 'assistant' as const, content: 'Yes, <|end|> ' }];
  const { text } = writeChat({ messages, ending: 'final message' }, use);
  expect(text).toBe('<|user|>hi<|end|><|assistant|>Yes, <|end|> ');
  expect(chatIds(writeChat({ messages, ending: 'final message' }, use), tokenizer).at(-1)).not.toBe(
    id('<|end|>'),
  );
  const nano = { ...use, template: plainTemplate };
  const ids = chatIds(writeChat({ messages: [user('hi')], ending: 'none' }, nano), tokenizer);
  expect(ids.at(-1)).toBe(id('<|end|>'));
  const silent = { ...use, template: compileTemplate('x', tokens) };
  expect(() => writeChat({ messages, ending: 'final message' }, silent)).toThrow(/final message/);
});

test('templates find a key of a tool although the key could be part of a special token', () => {
  const json = byteLevelTokenizer();
  json.added_tokens.push({ id: 300, content: '<name>', special: true, normalized: false });
  const template = compileTemplate('{{ tools[0].function.name }}', tokens);
  const tool = { type: 'function' as const, function: { name: 'weather' } };
  const { text } = writeChat({ messages: [], tools: [tool] }, { template, tokenizer: createTokenizer(json) });
  expect(text).toBe('weather');
});

test("nano's template writes the same prompt with and without tool support if there are no tools", () => {
  const nano = compileTemplate(TOOL_TEMPLATE, tokens);
  const roles = fc.constantFrom('system' as const, 'user' as const, 'assistant' as const);
  const sent = fc.record({ role: roles, content: fc.string() });
  fc.assert(
    fc.property(fc.array(sent, { maxLength: 4 }), (messages) => {
      expect(nano.render({ messages })).toBe(plainTemplate.render({ messages }));
    }),
    { seed: 9, numRuns: 200 },
  );
});
