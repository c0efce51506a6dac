// Tests the checks of published.ts, on which the tests of clients rely.
import { expect, test } from 'vitest';
import { answerFaults, askedOf, streamFaults } from './published.ts';

const head = {
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'm',
  system_fingerprint: 'fp_1',
};
const chunk = (delta: object, more: object = {}) => ({
  ...head,
  choices: [{ index: 0, delta, logprobs: null, finish_reason: null, ...more }],
});
const begin = chunk({ role: 'assistant', content: '', refusal: null });
const word = chunk({ content: 'Hi' });
const finish = chunk({}, { finish_reason: 'stop' });
const numbers = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
const usage = { ...head, choices: [], usage: numbers };
const call = (index: number, fields: object) => {
  return chunk({ tool_calls: [{ index, function: { arguments: '' }, ...fields }] });
};
const first = (index: number) => {
  return call(index, { id: 'call_1', type: 'function', function: { name: 'f', arguments: '' } });
};
const told = { logprobs: { content: [], refusal: null } };
const counted = (value: object) => ({ ...value, usage: null });

test.each<[string, object[], object, RegExp | undefined]>([
  ['a stream as published', [begin, word, finish], {}, undefined],
  [
    'a stream with requested usage',
    [...[begin, word, finish].map(counted), usage],
    { stream_options: { include_usage: true } },
    undefined,
  ],
  ['a stream with calls', [begin, first(0), call(0, {}), first(1), call(1, {}), finish], {}, undefined],
  ['two finish reasons', [begin, finish, finish], {}, /goes on after its finish reason/],
  ['no finish reason', [begin, word], {}, /no finish reason/],
  ['no role', [word, finish], {}, /role not at first/],
  ['a role twice', [begin, begin, finish], {}, /role again/],
  ['arguments of a call that has not begun', [begin, call(0, {}), finish], {}, /call 0 after 0 calls/],
  [
    'arguments of an earlier call',
    [begin, first(0), first(1), call(0, {}), finish],
    {},
    /call 0 after 2 calls/,
  ],
  ['usage that was not requested', [begin, finish, usage], {}, /usage unasked/],
  ['missing usage', [begin, finish], { stream_options: { include_usage: true } }, /not that of the usage/],
  ['too few choices', [begin, finish], { n: 2 }, /choices 0 where 0,1/],
  [
    'log-probabilities that were not requested',
    [begin, chunk({ content: 'Hi' }, told), finish],
    {},
    /unasked/,
  ],
  ['a chunk with another id', [begin, { ...word, id: 'chatcmpl-2' }, finish], {}, /differently/],
  ['an unknown key', [begin, { ...word, extra: 1 }, finish], {}, /extra/],
  ['an unknown event', [{ hello: 1 }], {}, /not known/],
])('%s', (_, values, asked, fault) => {
  const faults = streamFaults(values, { done: true, asked: askedOf(JSON.stringify(asked)) });
  if (fault === undefined) expect(faults).toEqual([]);
  else expect(faults.join('\n')).toMatch(fault);
});

test('a stream must end with [DONE] unless it failed', () => {
  const asked = askedOf('{}');
  expect(streamFaults([begin, finish], { done: false, asked })).toEqual(['the stream ends without [DONE]']);
  const error = { error: { message: 'gone', type: 'server_error', param: null, code: null } };
  expect(streamFaults([begin, error], { done: false, asked })).toEqual([]);
  expect(streamFaults([begin, error], { done: true, asked })).toEqual(['[DONE] stands behind an error']);
});

test('an answer without a stream must have the requested choices and log-probabilities', () => {
  const { choices: _, ...rest } = usage;
  const message = { role: 'assistant', content: 'Hi', refusal: null };
  const choice = { index: 0, message, logprobs: null, finish_reason: 'stop' };
  const answer = { ...rest, object: 'chat.completion', choices: [choice], expertgrid: { seed: 1 } };
  expect(answerFaults(answer, askedOf('{}'))).toEqual([]);
  expect(answerFaults(answer, askedOf('{"n": 2, "logprobs": true}'))).toEqual([
    'choices 0 where 0,1 were asked for',
    'choice 0 tells no log-probabilities',
  ]);
});
