// Conversations that end with an assistant's turn that calls tools, as a client sends them.
import type { ChatMessage } from '../../gateway/api/requests/fields/message-schema.ts';
import type { TemplateTool } from '../../gateway/api/text/template.ts';

export interface Call {
  name: string;
  args: Record<string, unknown>;
}

const tool = (name: string, properties: Record<string, object>): TemplateTool => {
  const parameters = { type: 'object', properties };
  return { type: 'function', function: { name, description: `Tool ${name}`, parameters } };
};

export const tools: readonly TemplateTool[] = [
  tool('get_weather', {
    place: { type: 'string', description: 'A city' },
    days: { type: 'integer', description: 'How many' },
    where: { type: 'object', description: 'A point' },
    metric: { type: 'boolean', description: 'Units' },
    near: { enum: [null], description: 'Nothing' },
  }),
  tool('get_time', {}),
];

const plain: Call = { name: 'get_weather', args: { place: 'Paris', days: 2 } };
const odd: Call = {
  name: 'get_weather',
  args: {
    place: 'B"ö\n<n> \\ \'s',
    days: 2,
    where: { lat: 48.86, tags: ['a', 'é'] },
    metric: true,
    near: null,
  },
};
const empty: Call = { name: 'get_time', args: {} };

export const TWO_CALLS = 'two calls';

/** The calls of each turn. */
export const callTurns: Readonly<Record<string, readonly Call[]>> = {
  'one call': [plain],
  'values of every kind': [odd],
  'no arguments': [empty],
  [TWO_CALLS]: [plain, empty],
};

export const asked: ChatMessage = { role: 'user', content: 'What is the weather in Paris?' };

/** The ids have the form that the gateway gives them. */
export function callingMessage(calls: readonly Call[]): ChatMessage {
  return {
    role: 'assistant',
    content: null,
    tool_calls: calls.map(({ name, args }, i) => {
      return {
        id: `call_${String(i).padStart(24, 'a')}`,
        type: 'function' as const,
        function: { name, arguments: JSON.stringify(args) },
      };
    }),
  };
}
