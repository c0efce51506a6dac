// Tells families of models whose chat templates share tags, and reads calls in the variants that they write.
import { describe, expect, test } from 'vitest';
import { namedSyntaxOf } from '../../../../../gateway/api/text/calls/syntaxes.ts';
import { type CallModel, callModels, weatherArguments } from '../../../../support/models/call-models.ts';
import { openModel, read } from './support.ts';

const nameOf = (source: string) => namedSyntaxOf({ source, specials: [] })?.name;

test.each([
  ['Hermes', 'Answer with <tool_call>{"name": "f", "arguments": {}}</tool_call>.'],
  ['Hermes', `{{ '<tool_call>\\n{"name": "' + c.name + '", "arguments": ' }}{{ '}\\n</tool_call>' }}`],
  [undefined, 'Answer with <tool_call>\n[\n  {"name": "f", "arguments": {}}\n]\n</tool_call>.'],
  [undefined, `{{ '<tool_call>[{"name": "f", "arguments": {}}]</tool_call>' }}`],
  [undefined, '<tool_call></tool_call> <tool_calls>[{"name": "f", "arguments": {}}]</tool_calls>'],
  [undefined, '<tool_call>\n{"tool_call_id": "a", "name": "f", "arguments": {}}\n</tool_call>'],
  ['Granite', 'Respond only with <|tool_call|> followed by a JSON list of tools.'],
  ['Granite', "{% if m.role == 'assistant_tool_call' %}<|tool_call|>{{ m.content }}{% endif %}"],
  [undefined, '<|tool_call|>\n{"name": "f", "arguments": {}}\n<|tool_call_end|>'],
  ['GLM', '<tool_call>f<arg_key>k</arg_key><arg_value>v</arg_value></tool_call>'],
  [undefined, '<tool_call>f<tool_sep>\n<arg_key>k</arg_key>\n<arg_value>v</arg_value>\n</tool_call>'],
  ['Llama JSON', 'Respond with {"name": function name, "parameters": arguments}.'],
  [
    undefined,
    'Respond with {"name": function name, "parameters": arguments} between <|action_start|> and <|action_end|>.',
  ],
])('the syntax is %s for %s', (name, source) => {
  expect(nameOf(source)).toBe(name);
});

test('names of syntaxes are unique', () => {
  const names = callModels.map(
    ({ template, specials }) => namedSyntaxOf({ source: template, specials })?.name,
  );
  expect(new Set(names).size).toBe(11);
});

function modelOf(name: string): CallModel {
  const model = callModels.find((each) => each.name === name);
  if (model === undefined) throw new Error(`there is no model ${name}`);
  return model;
}

/** Whether the grammar accepts a text, and the calls that are read from it. */
function tried(model: CallModel, text: string) {
  const open = openModel(model, { special: true });
  const { calls, content } = read([...text], open.rules);
  const accepted = open.accepts(open.spec({ mode: 'auto' }), text);
  return { accepted, content, calls: calls.map(({ name, json }) => ({ name, args: JSON.parse(json) })) };
}

const weather = { name: 'weather', args: weatherArguments };

describe('line breaks between tags are optional', () => {
  test.each([
    ['Hermes', ['<tool_call>\n', '\n</tool_call>']],
    ['GLM', ['>weather\n', '</arg_key>\n', '</arg_value>\n']],
    ['MiniMax', ['_call>\n', '">\n<', '</parameter>\n', '</invoke>\n']],
    ['Qwen3-Coder', ['<tool_call>\n', 'weather>\n', '</parameter>\n', '</function>\n']],
  ])('%s', (name, broken) => {
    const model = modelOf(name);
    const text = broken.reduce((left, part) => {
      expect(left).toContain(part);
      return left.replaceAll(part, part.replaceAll('\n', ''));
    }, model.weather);
    expect(tried(model, text)).toEqual({ accepted: true, content: '', calls: [weather] });
  });
});

test('line breaks next to values are there or not, as the template shows', () => {
  const coder = modelOf('Qwen3-Coder');
  const text = coder.weather
    .replaceAll(/(<parameter=\w+>)\n/g, '$1')
    .replaceAll('\n</parameter>', '</parameter>');
  const template = '<tool_call><function=f><parameter=k>v</parameter></function></tool_call>';
  expect(tried({ ...coder, template }, text)).toEqual({ accepted: true, content: '', calls: [weather] });
  expect(tried(coder, text)).toMatchObject({ accepted: false });
});

describe('an id may come', () => {
  const v11 = modelOf('Mistral v11');
  const marked = {
    ...v11,
    template: '[TOOL_CALLS][CALL_ID][ARGS]',
    specials: [...v11.specials, '[CALL_ID]'],
  };
  const list = modelOf('Mistral');
  const listed = { ...list, template: '[TOOL_CALLS] [{"name": n, "arguments": a, "id": i}]' };
  const withId = (id: string) => v11.weather.replace('[ARGS]', `[CALL_ID]${id}[ARGS]`);
  const behind = (id: string) => list.weather.replace('}]', `, "id": "${id}"}]`);

  test('after the name', () => {
    const expected = { accepted: true, content: '', calls: [weather] };
    expect(tried(marked, v11.weather)).toEqual(expected);
    expect(tried(marked, withId('aB3456789'))).toEqual(expected);
    expect(tried(marked, withId('call_1'))).toEqual({ ...expected, accepted: false });
    expect(tried(v11, withId('aB3456789'))).toMatchObject({ accepted: false });
  });

  test('after the arguments', () => {
    const expected = { accepted: true, content: '', calls: [weather] };
    expect(tried(listed, list.weather)).toEqual(expected);
    expect(tried(listed, behind('aB3456789'))).toEqual(expected);
    expect(tried(listed, behind('short'))).toEqual({ ...expected, accepted: false });
  });
});

test('an answer of GPT-OSS may begin with the recipient of a call', () => {
  const text = ' to=functions.time<|channel|>commentary json<|message|>{}';
  const time = { name: 'time', args: {} };
  const harmony = modelOf('GPT-OSS');
  expect(tried(harmony, text)).toEqual({ accepted: true, content: '', calls: [time] });
  expect(tried(harmony, text.replace('time', 'tame'))).toMatchObject({ accepted: false });
  const { rules } = openModel(harmony, { special: true });
  expect(read([...'to be'], rules)).toMatchObject({ calls: [], content: 'to be' });
});

test('words of Python are values of arguments that cannot be strings', () => {
  const coder = modelOf('Qwen3-Coder');
  const value = (key: string, text: string) => `<parameter=${key}>\n${text}\n</parameter>\n`;
  const values = value('metric', 'True') + value('city', 'True') + value('near', 'None');
  const text = `<tool_call>\n<function=weather>\n${values}</function>\n</tool_call>`;
  const { calls } = tried(coder, text);
  expect(calls).toEqual([{ name: 'weather', args: { metric: true, city: 'True', near: 'None' } }]);
});
