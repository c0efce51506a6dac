// Describes /v1/models and /v1/models/{id}.
import { z } from 'zod';
import { expertSettings } from '../../requests/fields/schema-fields.ts';
import { count, grouped, text } from './operation.ts';

const model = z.object({
  id: text,
  object: z.literal('model'),
  created: count.describe('Unix seconds.'),
  owned_by: text,
  max_model_len: count.describe('Largest number of tokens in prompt and answer together.'),
  context_length: count.describe("OpenRouter's name of `max_model_len`."),
  expertgrid: z.union([
    z.object({
      layers: count,
      experts: count.describe('Experts in each layer.'),
      experts_per_token: z.array(count).describe('Experts that one token uses, by layer.'),
      least_experts_per_token: count.describe('Smallest `experts_per_token` that a request may set.'),
      most_experts_per_token: count.describe('Largest `experts_per_token` that a request may set.'),
      default: expertSettings
        .optional()
        .describe(
          "The gateway's settings for requests that set none of them. Absent: `experts_per_token` counts.",
        ),
      bits: count.optional().describe('Bits of a weight.'),
      parameters: count.optional(),
      active_parameters: count.optional().describe('Parameters that one token uses.'),
    }),
    z.object({ versions: z.record(text, z.number()) }).describe('Weights of the models behind an alias.'),
  ]),
});

/** The shape for clients that send Anthropic's version header. */
const anthropicModel = z.object({
  id: text,
  type: z.literal('model'),
  display_name: text,
  created_at: z.iso.datetime({ offset: true }),
});

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
    ...{ layers: 8, experts: 96, experts_per_token: [1, 1, 1, 1, 1, 1, 1, 1] },
    ...{ least_experts_per_token: 1, most_experts_per_token: 96 },
    ...{ bits: 8, parameters: 21_435_136, active_parameters: 2_757_376 },
  },
};

const anthropicVersion = {
  name: 'anthropic-version',
  in: 'header',
  description: "With this header the answer has the shape of Anthropic's API.",
} as const;

export const modelOperations = grouped('Models', {
  'get /v1/models': {
    summary: 'The models and aliases that are served',
    answer: { name: 'Models', zod: modelsAnswer, example: { object: 'list', data: [example] } },
    failures: 'listed',
    errors: ['Error', 'AnthropicError'],
    parameters: [
      anthropicVersion,
      { name: 'limit', in: 'query', description: "Models in a page of Anthropic's shape, 1 to 1000." },
    ],
  },
  'get /v1/models/{id}': {
    answer: { name: 'Model', zod: z.union([model, anthropicModel]), example },
    failures: 'named',
    errors: ['Error', 'AnthropicError'],
    summary: 'One model',
    parameters: [
      { name: 'id', in: 'path', description: 'Id of the model.', example: 'nano' },
      anthropicVersion,
    ],
  },
});
