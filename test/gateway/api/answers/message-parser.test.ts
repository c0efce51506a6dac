import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AnswerEvent } from '../../../../gateway/api/answers/answer.ts';
import type { AnswerToken } from '../../../../gateway/api/answers/answer-text.ts';
import type { MessageEvent, WholeMessage } from '../../../../gateway/api/answers/messages/message-events.ts';
import {
  callIdsOf,
  collectMessages,
  messageEvents,
} from '../../../../gateway/api/answers/messages/message-parser.ts';
import type { SectionRules } from '../../../../gateway/api/answers/messages/sections.ts';
import { HERMES_CALLS } from '../../../support/call-syntax.ts';

const calls = { syntax: HERMES_CALLS, tools: [] };
const thinking = { begin: '<think>', end: '</think>', open: false };
const rules = { thinking, calls };
const call = (name: string, args: string) =>
  `<tool_call>\n{"name": ${JSON.stringify(name)}, "arguments": ${args}}\n</tool_call>`;

const usage = { promptTokens: 3, completionTokens: 9, cachedTokens: 0 };

/** Parses an answer in which each piece is one token, and returns the events. The ids of calls are numbered from call_0. */
async function read(
  pieces: readonly string[],
  given: SectionRules,
  reason: 'stop' | 'length' = 'stop',
): Promise<MessageEvent[]> {
  async function* answer(): AsyncGenerator<AnswerEvent> {
    let offset = 0;
    for (const [id, text] of pieces.entries()) {
      yield { type: 'text', index: 0, text, tokens: [{ id, offset }] };
      offset += [...text].length;
    }
    yield { type: 'finish', index: 0, reason, usage };
  }
  let made = 0;
  const events: MessageEvent[] = [];
  for await (const event of messageEvents(answer(), { callId: () => `call_${made++}`, ...given }))
    events.push(event);
  return events;
}

async function whole(pieces: readonly string[], given: SectionRules, reason: 'stop' | 'length' = 'stop') {
  const events = await read(pieces, given, reason);
  async function* again() {
    yield* events;
  }
  const [message] = await collectMessages(again());
  const { reasoning, content, calls: made, reason: ended } = message;
  return { reasoning, content, calls: made.map(({ name, arguments: args }) => [name, args]), reason: ended };
}

describe('the message that is parsed from a whole text', () => {
  const weather = call('weather', '{"city": "Bonn"}');
  const cases: [string, SectionRules, Partial<Awaited<ReturnType<typeof whole>>>][] = [
    ['plain <tool_call> text', {}, { content: 'plain <tool_call> text', reason: 'stop' }],
    ['just text', rules, { content: 'just text', reasoning: undefined, calls: [] }],
    [weather, rules, { content: '', calls: [['weather', '{"city": "Bonn"}']], reason: 'tool_calls' }],
    [
      `Let me look.\n\n${weather}`,
      rules,
      { content: 'Let me look.', calls: [['weather', '{"city": "Bonn"}']] },
    ],
    [
      `${weather}\n${call('time', '{}')}`,
      rules,
      {
        content: '',
        calls: [
          ['weather', '{"city": "Bonn"}'],
          ['time', '{}'],
        ],
      },
    ],
    [`${weather}\n and more`, rules, { content: 'and more', reason: 'tool_calls' }],
    [
      call('f', '{"a": "}\\"]</tool_call>{", "b": [{}]}'),
      rules,
      { calls: [['f', '{"a": "}\\"]</tool_call>{", "b": [{}]}']] },
    ],
    ['<tool_call>\n{"name": "f"}\n</tool_call>', rules, { calls: [['f', '{}']], reason: 'tool_calls' }],
    [' <tool_call> is a tag', rules, { content: ' <tool_call> is a tag', calls: [], reason: 'stop' }],
    ['<tool_call>{"x": 1}</tool_call>.', rules, { content: '<tool_call>{"x": 1}</tool_call>.', calls: [] }],
    ['a <tool_c', rules, { content: 'a <tool_c', reason: 'stop' }],
    ['\n<think>\nHm. \n</think>\n\nYes.', rules, { reasoning: 'Hm.', content: 'Yes.' }],
    [
      `<think>so</think>${weather}`,
      rules,
      { reasoning: 'so', content: '', calls: [['weather', '{"city": "Bonn"}']] },
    ],
    ['Hm.</think>Yes', { thinking: { ...thinking, open: true } }, { reasoning: 'Hm.', content: 'Yes' }],
    [
      `I may write ${weather}`,
      { thinking: { ...thinking, open: true }, calls },
      { reasoning: `I may write ${weather}`, calls: [] },
    ],
    ['Well <think>no</think>', rules, { content: 'Well <think>no</think>', reasoning: undefined }],
    ['<think> \n\n</think> Yes', rules, { content: 'Yes', reasoning: '' }],
  ];
  test.each(cases)('%j', async (text, given, expected) => {
    expect(await whole([text], given)).toMatchObject(expected);
  });
});

describe('an answer that is cut off', () => {
  const text = `<think>Hm.</think>Look.\n${call('weather', '{"city": "Bonn"}')}`;
  const cases: [string, Partial<Awaited<ReturnType<typeof whole>>>][] = [
    ['<thi', { content: '', reasoning: undefined }],
    ['<think>Hm.</thi', { reasoning: 'Hm.' }],
    ['<think>Hm.</think>Look.\n<tool', { content: 'Look.\n', calls: [] }],
    ['<think>Hm.</think>Look.\n<tool_call>\n{"name": "wea', { content: 'Look.', calls: [] }],
    ['<think>Hm.</think>Look.\n<tool_call>\n{"name": "weather", "arg', { calls: [['weather', '']] }],
    [text.slice(0, text.indexOf(' "Bonn')), { calls: [['weather', '{"city":']] }],
    [text.slice(0, -3), { calls: [['weather', '{"city": "Bonn"}']] }],
  ];
  test.each(cases)('%j', async (cut, expected) => {
    expect(text.startsWith(cut)).toBe(true);
    expect(await whole([cut], rules, 'length')).toMatchObject({ ...expected, reason: 'length' });
  });

  test('does not finish with tool_calls if a stop string ended it within the arguments', async () => {
    const cut = call('f', '{"a": 1}').slice(0, -18);
    expect(await whole([cut], rules, 'stop')).toMatchObject({ calls: [['f', '{"a"']], reason: 'stop' });
  });
});

const word = fc.string({
  unit: fc.constantFrom('a', '😀', ' ', '\n', '<', '>', '/', '{', '}', '"', '\\', 'tool_call', 'think'),
  maxLength: 8,
});
const argument = fc.dictionary(word, fc.oneof(word, fc.integer(), fc.array(word, { maxLength: 2 })), {
  maxKeys: 3,
});
const part = fc.oneof(
  word,
  fc
    .tuple(word, argument, fc.boolean())
    .map(([name, args, wide]) => call(name, JSON.stringify(args, null, wide ? 1 : 0))),
  fc.constantFrom('<tool_call>', '</tool_call>', '<think>', '</think>', ' \n'),
);
const answerText = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(''));
/** Splits the text into pieces of whole characters. Pieces may be empty. */
const split = (text: string, cuts: readonly number[]): string[] => {
  const chars = [...text];
  const places = [0, ...cuts.map((cut) => cut % (chars.length + 1)).sort((a, b) => a - b), chars.length];
  return places.slice(1).map((place, i) => chars.slice(places[i], place).join(''));
};
const given = fc.constantFrom<SectionRules>(
  rules,
  { calls },
  { thinking },
  { thinking: { ...thinking, open: true }, calls },
  {},
);
const reasons = fc.constantFrom('stop' as const, 'length' as const);

/** Joins consecutive events of the same type, without their tokens. */
function joined(events: readonly MessageEvent[]): unknown[] {
  const out: { type: string; call?: number; text?: string }[] = [];
  for (const event of events) {
    const last = out.at(-1);
    if (event.type === 'finish') out.push({ type: 'finish', text: event.reason });
    else if (event.type === 'call') out.push({ type: 'call', call: event.call, text: event.name });
    else if (last !== undefined && last.type === event.type) last.text += event.text;
    else out.push({ type: event.type, text: event.text, ...('call' in event && { call: event.call }) });
  }
  return out.filter(({ type, text }) => type === 'finish' || type === 'call' || text !== '');
}

test('the result does not depend on how the text is split into pieces', async () => {
  const cuts = fc.array(fc.nat(200), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(answerText, cuts, given, reasons, async (text, places, use, reason) => {
      const expected = joined(await read([text], use, reason));
      expect(joined(await read(split(text, places), use, reason))).toEqual(expected);
      expect(joined(await read([...text], use, reason))).toEqual(expected);
    }),
    { seed: 11, numRuns: 1500 },
  );
});

test('every token is released once, in order, with the event in which its text begins', async () => {
  const cuts = fc.array(fc.nat(200), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(answerText, cuts, given, reasons, async (text, places, use, reason) => {
      const pieces = split(text, places);
      const events = await read(pieces, use, reason);
      const tokens = events.flatMap((event): AnswerToken[] => (event.type === 'finish' ? [] : event.tokens));
      expect(tokens.map(({ id }) => id)).toEqual(pieces.map((_, id) => id));
    }),
    { seed: 12, numRuns: 500 },
  );
  const events = await read(
    [
      '<think>',
      'Hm',
      '.',
      '</think>',
      'Look',
      ' <tool',
      '_call>{"name": "f", ',
      '"arguments": {',
      '}}',
      '</tool_call>',
    ],
    rules,
  );
  expect(
    events
      .slice(0, -1)
      .map(({ type, ...rest }) => [type, 'tokens' in rest && rest.tokens.map(({ id }) => id)]),
  ).toEqual([
    ['reasoning', [0]],
    ['reasoning', [1]],
    ['reasoning', [2]],
    ['reasoning', [3]],
    ['content', [4]],
    ['call', [5, 6]],
    ['arguments', [7]],
    ['arguments', [8]],
    ['arguments', [9]],
  ]);
});

test('no piece of content ends within a tag that is completed later', async () => {
  const text = `a < b\n${call('f', '{}')}`;
  const events = await read([...text], { calls });
  expect(
    events
      .filter(({ type }) => type === 'content')
      .map((event) => 'text' in event && event.text)
      .join(''),
  ).toBe('a < b');
});

test('a call has the events call, then arguments in pieces, then one finish', async () => {
  const events = await read(['<tool_call>\n{"name": "f", "arguments": ', '{"a":', ' 1}', '}\n</tool_call>'], {
    calls,
  });
  expect(
    events.map((event) => [
      event.type,
      'text' in event ? event.text : 'id' in event ? event.id : event.reason,
    ]),
  ).toEqual([
    ['call', 'call_0'],
    ['arguments', '{"a":'],
    ['arguments', ' 1}'],
    ['arguments', ''],
    ['finish', 'tool_calls'],
  ]);
});

test('reasoningTokens counts tokens between the tags of thinking but not the tags', async () => {
  const count = async (pieces: string[], use: SectionRules) => {
    const finish = (await read(pieces, use)).at(-1);
    return finish?.type === 'finish' ? finish.usage.reasoningTokens : undefined;
  };
  expect(await count(['<think>', '\n', 'H', 'm', '\n', '</th', 'ink>', '\n\n', 'Yes'], rules)).toBe(4);
  expect(await count(['H', 'm', '</think>', 'Yes'], { thinking: { ...thinking, open: true } })).toBe(2);
  expect(await count(['Yes'], { thinking })).toBe(0);
  expect(await count(['Yes'], { calls })).toBeUndefined();
});

test('the events of several choices are parsed independently', async () => {
  async function* answers(): AsyncGenerator<AnswerEvent> {
    const text = call('f', '{"a": 1}');
    for (const at of [0, 10, 20, 30]) {
      for (const index of [1, 0]) yield { type: 'text', index, text: text.slice(at, at + 10), tokens: [] };
    }
    for (const index of [1, 0]) yield { type: 'text', index, text: text.slice(40), tokens: [] };
    for (const index of [0, 1]) yield { type: 'finish', index, reason: 'stop', usage };
  }
  const messages: WholeMessage[] = await collectMessages(
    messageEvents(answers(), { calls, callId: callIdsOf('chatcmpl-1') }),
  );
  expect(messages.map(({ index, calls: made }) => [index, made.length, made[0]?.arguments])).toEqual([
    [0, 1, '{"a": 1}'],
    [1, 1, '{"a": 1}'],
  ]);
  expect(messages[0].calls[0].id).toMatch(/^call_[0-9a-f]{24}$/);
  expect(messages[0].calls[0].id).not.toBe(messages[1].calls[0].id);
});

describe('text of unlimited length', () => {
  const spaces = ' '.repeat(5_000);
  const cases: [string, string, SectionRules, object][] = [
    ['very long white space is content', spaces, rules, { content: spaces, reasoning: undefined }],
    [
      'thinking after very long white space is content',
      `${spaces}<think>a`,
      rules,
      { content: `${spaces}<think>a` },
    ],
    [
      'a tool name that does not end is content',
      `<tool_call>\n{"name": "${'a'.repeat(5_000)}`,
      rules,
      { calls: [] },
    ],
    [
      'very long white space before a call is content, except its end',
      `a${spaces}${call('f', '{}')}`,
      rules,
      { content: `a${' '.repeat(4_000)}`, calls: [['f', '{}']] },
    ],
    [
      'a key other than "arguments" is dropped with its value',
      `<tool_call>{"name": "f", "other": "${'a'.repeat(5_000)}"}</tool_call>b`,
      rules,
      { content: 'b', calls: [['f', '{}']] },
    ],
  ];
  test.each(cases)('%s, however the text is split', async (_what, text, given, expected) => {
    const read = await whole([text], given);
    expect(read).toMatchObject(expected);
    for (const size of [1, 7, 999]) {
      expect(await whole(text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [], given)).toEqual(read);
    }
  });

  test('is released while it arrives, except for its end', async () => {
    const events = await read(new Array<string>(500).fill(' '.repeat(16)), rules);
    const content = events.flatMap((event) => (event.type === 'content' ? [event.text.length] : []));
    expect(content.reduce((total, length) => total + length)).toBe(8_000);
    expect(Math.max(...content)).toBeLessThan(1_100);
  });

  test('150,000 tokens without text are all released', async () => {
    const pieces = [...new Array<string>(150_000).fill(''), 'a'];
    async function* events() {
      yield* await read(pieces, rules);
    }
    const [message] = await collectMessages(events());
    expect(message.tokens).toHaveLength(pieces.length);
  });
});
