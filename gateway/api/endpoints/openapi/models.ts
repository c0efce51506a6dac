// Describes /v1/models and /v1/models/{id}.
import { z } from 'zod';
import { count, type Operation, type Parameter, text } from './operation.ts';

const model = z.object({
  id: text,
  object: z.literal('model'),
  created: count.describe('Unix seconds.'),
  owned_by: text,
  max_model_len: count.describe('Tokens of prompt and answer together, at most.'),
  context_length: count.describe('The same, as OpenRouter names it.'),
  expertgrid: z.union([
    z.object({
      layers: count,
      experts: count.describe('Of each layer.'),
      experts_per_token: z.array(count).describe('By layer.'),
      bits: count.optional().describe('Of a weight.'),
      parameters: count.optional(),
      active_parameters: count.optional().describe('Parameters that one token goes through.'),
    }),
    z.object({ versions: z.record(text, z.number()) }).describe('Of a name that stands for some models.'),
  ]),
});

const anthropicModel = z.object({
  id: text,
  type: z.literal('model'),
  display_name: text,
  created_at: z.iso.datetime({ offset: true }),
});

/** The second shape is Anthropic's, for callers that send its version header. */
const modelAnswer = z.union([model, anthropicModel]);

const modelsAnswer = z.union([
  z.object({ object: z.literal('list'), data: z.array(model) }),
  z.object({
    data: z.array(anthropicModel),
    has_more: z.boolean(),
    first_id: text.nullable(),
    last_id: text.nullable(),
  }),
]);

const example = {
  ...{ id: 'nano', object: 'model', created: 1_790_000_000, owned_by: 'expertgrid' },
  ...{ root: 'nano', parent: null, max_model_len: 2_048, context_length: 2_048 },
  expertgrid: {
    ...{ layers: 6, experts: 96, experts_per_token: [1, 1, 1, 1, 1, 1] },
    ...{ bits: 8, parameters: 23_000_000, active_parameters: 5_000_000 },
  },
};

const anthropicVersion = {
  name: 'anthropic-version',
  in: 'header',
  description: "With this header the answer has the shape of Anthropic's API.",
} as const;

/** Those of the query are Anthropic's, and mean nothing without its header. */
const modelsParameters: readonly Parameter[] = [
  anthropicVersion,
  { name: 'limit', in: 'query', description: "Models in a page of Anthropic's shape, 1 to 1000." },
];

export const modelOperations: readonly Operation[] = [
  {
    method: 'get',
    path: '/v1/models',
    tag: 'Models',
    summary: 'The models that are served, and the names that stand for some',
    answer: { name: 'Models', zod: modelsAnswer, example: { object: 'list', data: [example] } },
    failures: 'listed',
    errors: ['Error', 'AnthropicError'],
    parameters: modelsParameters,
  },
  {
    method: 'get',
    path: '/v1/models/{id}',
    tag: 'Models',
    answer: { name: 'Model', zod: modelAnswer, example: example },
    failures: 'named',
    errors: ['Error', 'AnthropicError'],
    summary: 'One model',
    parameters: [{ name: 'id', in: 'path', description: 'Its id.', example: 'nano' }, anthropicVersion],
  },
];
