// One small model for each syntax of tool calls: a chat template, the special tokens of the tokenizer, and two calls as the model
// writes them. The templates and texts are written for these tests after the chat templates that the models' authors publish.
import { byteLevelTokenizer, SPECIALS } from './tokenizer.ts';

export interface CallModel {
  name: string;
  template: string;
  /** Special tokens of the syntax. */
  specials: readonly string[];
  /** Special tokens that end an answer, in addition to `<|endoftext|>`. */
  stops?: readonly string[];
  /** What the model writes after a call if none of its tokens ends an answer. */
  close?: string;
  /** The calls of `weather` with `weatherArguments`, and of `time` without arguments. */
  weather: string;
  time: string;
  /** The same calls in one answer. Absent: the model makes one call in an answer. */
  both?: string;
}

/** A schema with strings, other values, and a value that may be either. */
export const weatherParameters = {
  type: 'object',
  properties: {
    city: { type: 'string', maxLength: 12 },
    days: { type: 'integer', minimum: 1, maximum: 9 },
    metric: { type: 'boolean' },
    near: { type: ['string', 'null'], maxLength: 6 },
    tags: { type: 'array', items: { type: 'string', maxLength: 5 }, maxItems: 2 },
  },
  required: ['city', 'days'],
  additionalProperties: false,
};
const timeParameters = { type: 'object', properties: {}, additionalProperties: false };

const asFunction = (name: string, parameters: object) => {
  return { type: 'function' as const, function: { name, parameters: { ...parameters }, strict: true } };
};
export const callTools = [asFunction('weather', weatherParameters), asFunction('time', timeParameters)];

export const weatherArguments = { city: 'B"ö\n<n', days: 2, metric: true, near: null, tags: ['a', "b'"] };

const json = '{"city": "B\\"ö\\n<n", "days": 2, "metric": true, "near": null, "tags": ["a", "b\'"]}';
const python = 'city="B\\"ö\\n<n", days=2, metric=True, near=None, tags=["a", "b\'"]';

const turns = (shown: string, opened = '<|assistant|>') =>
  `${shown}{% for t in tools or [] %}{{ t | tojson }}{% endfor %}` +
  "{% for m in messages %}<|{{ m.role }}|>{{ m.content or '' }}{% for c in m.tool_calls or [] %}{{ c | tojson }}{% endfor %}" +
  `{{ '<|end|>' }}{% endfor %}${opened}{# 'tool' #}`;

const hermesCall = (name: string, args: string) =>
  `<tool_call>\n{"name": "${name}", "arguments": ${args}}\n</tool_call>`;
const object = (key: string) => (name: string, args: string) => `{"name": "${name}", "${key}": ${args}}`;
const withArguments = object('arguments');
const withParameters = object('parameters');

/** The elements of `weatherArguments`, of which a string is written as it is. */
const elements = (write: (key: string, value: string) => string) => {
  return Object.entries(weatherArguments)
    .map(([key, value]) => write(key, typeof value === 'string' ? value : JSON.stringify(value)))
    .join('');
};
const qwenArguments = elements((key, value) => `<parameter=${key}>\n${value}\n</parameter>\n`);
const glmArguments = elements((key, value) => `<arg_key>${key}</arg_key>\n<arg_value>${value}</arg_value>\n`);
const minimaxArguments = elements((key, value) => `<parameter name="${key}">${value}</parameter>\n`);
const deepseek =
  '<｜tool▁calls▁begin｜>,<｜tool▁call▁begin｜>,<｜tool▁sep｜>,<｜tool▁call▁end｜>,<｜tool▁calls▁end｜>';
const deepseekCall = (name: string, args: string) =>
  `<｜tool▁call▁begin｜>function<｜tool▁sep｜>${name}\n\`\`\`json\n${args}\n\`\`\`<｜tool▁call▁end｜>`;
const deepseek31Call = (name: string, args: string) =>
  `<｜tool▁call▁begin｜>${name}<｜tool▁sep｜>${args}<｜tool▁call▁end｜>`;
const harmonyCall = (name: string, args: string) =>
  `<|channel|>commentary to=functions.${name} <|constrain|>json<|message|>${args}`;

export const callModels: readonly CallModel[] = [
  {
    name: 'Hermes',
    template: turns('<tool_call>\n{"name": <name>, "arguments": <arguments>}\n</tool_call>'),
    specials: ['<tool_call>', '</tool_call>'],
    weather: hermesCall('weather', json),
    time: hermesCall('time', '{}'),
    both: `${hermesCall('weather', json)}\n${hermesCall('time', '{}')}`,
  },
  {
    name: 'Llama JSON',
    template: turns('Respond with {"name": function name, "parameters": arguments}.'),
    specials: ['<|python_tag|>'],
    weather: withParameters('weather', json),
    time: withParameters('time', '{}'),
    both: `${withParameters('weather', json)}; ${withParameters('time', '{}')}`,
  },
  {
    name: 'Llama JSON behind its token',
    template: turns('Respond with {"name": function name, "parameters": arguments}. {# <|python_tag|> #}'),
    specials: ['<|python_tag|>'],
    weather: `<|python_tag|>${withParameters('weather', json)}`,
    time: `<|python_tag|>${withParameters('time', '{}')}`,
  },
  {
    name: 'Llama pythonic',
    template: turns('Use [func_name1(param1=value1, param2=value2), func_name2(param)].'),
    specials: ['<|python_start|>'],
    weather: `[weather(${python})]`,
    time: '[time()]',
    both: `[weather(${python}), time()]`,
  },
  {
    name: 'Mistral',
    template: turns('{# [TOOL_CALLS] [ #}'),
    specials: ['[TOOL_CALLS]'],
    weather: `[TOOL_CALLS] [${withArguments('weather', json)}]`,
    time: `[TOOL_CALLS] [${withArguments('time', '{}')}]`,
    both: `[TOOL_CALLS] [${withArguments('weather', json)}, ${withArguments('time', '{}')}]`,
  },
  {
    name: 'Mistral v11',
    template: turns('{# [TOOL_CALLS] [ARGS] #}'),
    specials: ['[TOOL_CALLS]', '[ARGS]'],
    weather: `[TOOL_CALLS]weather[ARGS]${json}`,
    time: '[TOOL_CALLS]time[ARGS]{}',
    both: `[TOOL_CALLS]weather[ARGS]${json}[TOOL_CALLS]time[ARGS]{}`,
  },
  {
    name: 'GPT-OSS',
    template: turns('{# <|start|>assistant<|channel|>analysis<|message|>x<|end|> #}', '<|start|>assistant'),
    specials: ['<|start|>', '<|channel|>', '<|message|>', '<|constrain|>', '<|call|>'],
    stops: ['<|call|>'],
    close: '<|call|>',
    weather: harmonyCall('weather', json),
    time: harmonyCall('time', '{}'),
  },
  {
    name: 'GLM',
    template: turns(
      '<tool_call>{name}\n<arg_key>{key}</arg_key>\n<arg_value>{value}</arg_value>\n</tool_call>',
    ),
    specials: ['<tool_call>', '</tool_call>', '<arg_key>', '</arg_key>', '<arg_value>', '</arg_value>'],
    weather: `<tool_call>weather\n${glmArguments}</tool_call>`,
    time: '<tool_call>time\n</tool_call>',
    both: `<tool_call>weather\n${glmArguments}</tool_call>\n<tool_call>time\n</tool_call>`,
  },
  {
    name: 'DeepSeek V3',
    template: turns(`{# ${deepseek} \`\`\`json #}`),
    specials: deepseek.split(','),
    weather: `<｜tool▁calls▁begin｜>${deepseekCall('weather', json)}<｜tool▁calls▁end｜>`,
    time: `<｜tool▁calls▁begin｜>${deepseekCall('time', '{}')}<｜tool▁calls▁end｜>`,
    both: `<｜tool▁calls▁begin｜>${deepseekCall('weather', json)}\n${deepseekCall('time', '{}')}<｜tool▁calls▁end｜>`,
  },
  {
    name: 'DeepSeek V3.1',
    template: turns(`{# ${deepseek} #}`),
    specials: deepseek.split(','),
    weather: `<｜tool▁calls▁begin｜>${deepseek31Call('weather', json)}<｜tool▁calls▁end｜>`,
    time: `<｜tool▁calls▁begin｜>${deepseek31Call('time', '{}')}<｜tool▁calls▁end｜>`,
    both: `<｜tool▁calls▁begin｜>${deepseek31Call('weather', json)}${deepseek31Call('time', '{}')}<｜tool▁calls▁end｜>`,
  },
  {
    name: 'Granite',
    template: turns('Respond with <|tool_call|> and a list.'),
    specials: ['<|tool_call|>'],
    weather: `<|tool_call|>[${withArguments('weather', json)}]`,
    time: `<|tool_call|>[${withArguments('time', '{}')}]`,
    both: `<|tool_call|>[${withArguments('weather', json)}, ${withArguments('time', '{}')}]`,
  },
  {
    name: 'MiniMax',
    template: turns(
      '<minimax:tool_call>\n<invoke name="f">\n<parameter name="k">v</parameter>\n</invoke>\n</minimax:tool_call>',
    ),
    specials: ['<minimax:tool_call>', '</minimax:tool_call>'],
    weather: `<minimax:tool_call>\n<invoke name="weather">\n${minimaxArguments}</invoke>\n</minimax:tool_call>`,
    time: '<minimax:tool_call>\n<invoke name="time">\n</invoke>\n</minimax:tool_call>',
    both: `<minimax:tool_call>\n<invoke name="weather">\n${minimaxArguments}</invoke>\n<invoke name="time">\n</invoke>\n</minimax:tool_call>`,
  },
  {
    name: 'Qwen3-Coder',
    template: turns('<tool_call>\n<function=f>\n<parameter=k>\nv\n</parameter>\n</function>\n</tool_call>'),
    specials: ['<tool_call>', '</tool_call>'],
    weather: `<tool_call>\n<function=weather>\n${qwenArguments}</function>\n</tool_call>`,
    time: '<tool_call>\n<function=time>\n</function>\n</tool_call>',
    both: `<tool_call>\n<function=weather>\n${qwenArguments}</function>\n</tool_call>\n<tool_call>\n<function=time>\n</function>\n</tool_call>`,
  },
];

/** Content of tokenizer.json for a byte-level tokenizer with these special tokens. */
export function tokenizerWith(specials: readonly string[]) {
  const json = byteLevelTokenizer();
  const next = Math.max(...json.added_tokens.map(({ id }) => id)) + 1;
  const own = specials.filter((content) => !SPECIALS.includes(content));
  const added = own.map((content, i) => ({ id: next + i, content, special: true, normalized: false }));
  return { ...json, added_tokens: [...json.added_tokens, ...added] };
}
