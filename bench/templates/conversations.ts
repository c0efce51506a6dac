// The conversations with which chat templates are rendered: those that the API passes to a template.
import type { Conversation, TemplateMessage, TemplateTool } from '../../gateway/api/text/template.ts';

const system: TemplateMessage = { role: 'system', content: 'You are terse. ' };
const user: TemplateMessage = { role: 'user', content: 'What is the weather in Paris?' };
const assistant: TemplateMessage = { role: 'assistant', content: 'Sunny.' };
const followUp: TemplateMessage = { role: 'user', content: 'And in Rome?' };
const thought: TemplateMessage = {
  role: 'assistant',
  content: 'Sunny.',
  reasoning_content: 'The user asks about the weather.\nIt is June.',
};
const tagged: TemplateMessage = {
  role: 'assistant',
  content: '<think>\nIt is June.\n</think>\n\nSunny.\n',
};
const odd: TemplateMessage = {
  role: 'user',
  content: ' \n"Quotes" & <b>\'tags\'</b> {{ x }} \\n é 漢字 😀 <|im_end|>\t\u2028 ',
};

const weather: TemplateTool = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Looks up the weather\nof a "place" <now>.',
    parameters: {
      type: 'object',
      properties: {
        place: { type: 'string', description: 'A city, as “Paris”', enum: ['Paris', 'Rome'] },
        days: { type: ['integer', 'null'], minimum: 1, default: 1.5 },
        units: { anyOf: [{ type: 'string' }, { type: 'null' }] },
        where: {
          type: 'object',
          properties: { lat: { type: 'number' }, tags: { type: 'array', items: { type: 'string' } } },
          required: ['lat'],
        },
        strict: { type: 'boolean', default: true },
      },
      required: ['place'],
      additionalProperties: false,
    },
  },
};
const clock: TemplateTool = {
  type: 'function',
  function: { name: 'get_time', description: 'The time', parameters: { type: 'object', properties: {} } },
};
const search: TemplateTool = {
  type: 'function',
  function: {
    name: 'search',
    description: 'Searches the web',
    parameters: {
      type: 'object',
      properties: { query: { type: 'string', description: 'What to find' }, most: { type: 'integer' } },
      required: ['query'],
    },
  },
};
const bare: TemplateTool = { type: 'function', function: { name: 'stop' } };

const call = (id: string, name: string, given: unknown) => ({
  id,
  type: 'function' as const,
  function: { name, arguments: given },
});
const calls = [
  call('call00001', 'get_weather', {
    place: 'Paris',
    days: 2,
    where: { lat: 48.86, tags: ['a', 'é'] },
    strict: true,
    units: null,
  }),
  call('call00002', 'get_time', {}),
];
const calling: TemplateMessage = { role: 'assistant', content: null, tool_calls: calls.slice(0, 1) };
const callingTwice: TemplateMessage = {
  role: 'assistant',
  content: 'Let me look.',
  reasoning_content: 'I need both.',
  tool_calls: calls,
};
const callingText: TemplateMessage = {
  role: 'assistant',
  content: '',
  tool_calls: [call('call00003', 'get_weather', 'not JSON')],
};
const searching: TemplateMessage = {
  role: 'assistant',
  content: '',
  tool_calls: [call('call00001', 'search', { query: 'Paris', most: 3 })],
};
const result: TemplateMessage = {
  role: 'tool',
  content: '{"degrees": 21.5, "sky": "clear"}',
  tool_call_id: 'call00001',
  name: 'get_weather',
};
const second: TemplateMessage = {
  role: 'tool',
  content: '12:00',
  tool_call_id: 'call00002',
  name: 'get_time',
};

const tools = [weather, clock];
const documents = [
  { title: 'Paris', text: 'It is sunny in Paris.' },
  { title: 'Rome', text: 'It rains in Rome.', doc_id: '7' },
];
const afterTwoCalls = [system, user, callingTwice, result, second];

/** By name. */
export const conversations: Readonly<Record<string, Conversation>> = {
  user: { messages: [user] },
  'system and user': { messages: [system, user] },
  'several turns': { messages: [system, user, assistant, followUp] },
  'no prompt for an answer': { messages: [user, assistant], ending: 'none' },
  'a question without prompt for an answer': { messages: [system, user], ending: 'none' },
  'odd characters': {
    messages: [{ ...system, content: odd.content }, odd, { ...assistant, content: odd.content }, odd],
  },
  'two users in turn': { messages: [user, followUp] },
  'assistant first': { messages: [assistant, user] },
  'late system': { messages: [user, assistant, system, followUp] },
  'empty texts': {
    messages: [
      { ...system, content: '' },
      { ...user, content: '' },
    ],
  },
  'names of users': {
    messages: [
      { ...user, name: 'ann' },
      { ...assistant, name: 'bot' },
      { ...followUp, name: 'bob' },
    ],
  },
  tools: { messages: [user], tools },
  'tools and system': { messages: [system, user], tools },
  'simple tools': { messages: [system, user], tools: [search, clock] },
  'a simple call': { messages: [user, searching, { ...result, name: 'search' }], tools: [search] },
  'a tool without parameters': { messages: [system, user], tools: [bare] },
  'a call and its result': { messages: [user, calling, result], tools },
  'two calls and their results': { messages: afterTwoCalls, tools },
  'an answer after calls': { messages: [...afterTwoCalls, thought, followUp], tools },
  'calls without tools': { messages: [user, calling, result, assistant, followUp] },
  'arguments that are no JSON': {
    messages: [user, callingText, { ...result, tool_call_id: 'call00003' }],
    tools,
  },
  'a call at the end': { messages: [system, user, calling], tools, ending: 'none' },
  reasoning: { messages: [system, user, thought, followUp] },
  'reasoning in tags': { messages: [user, tagged, followUp] },
  'reasoning at the end': { messages: [user, thought], ending: 'none' },
  'thinking off': {
    messages: [system, user, thought, followUp],
    variables: { enable_thinking: false, thinking: false },
  },
  'thinking on': {
    messages: [user],
    variables: { enable_thinking: true, thinking: true, reasoning_effort: 'high' },
  },
  'thinking on, with tools': {
    messages: afterTwoCalls,
    tools,
    variables: { enable_thinking: true, thinking: true },
  },
  'low effort': {
    messages: [system, user],
    tools,
    variables: {
      reasoning_effort: 'low',
      thinking_budget: 512,
      clear_thinking: false,
      preserve_thinking: true,
    },
  },
  documents: {
    messages: [system, user],
    documents,
    variables: { citations: true, controls: { length: 'short' } },
  },
  'documents and tools': { messages: [user], documents, tools },
};
