import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  chatSchema,
  completionSchema,
  unsupportedFields,
} from '../../../../gateway/api/requests/fields/schema.ts';

const document = (schema: z.ZodType) => z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });

test('the schemas can be written as JSON Schema, for an OpenAPI document', () => {
  const completion = document(completionSchema);
  expect(completion.required).toContain('model');
  expect(completion.properties?.prompt).toMatchObject({ anyOf: [{ type: 'string' }, {}, {}, {}] });
  expect(completion.additionalProperties).toBe(false);
  expect(document(chatSchema).required).toEqual(['model', 'messages']);
});

test('no field is both supported and refused', () => {
  const supported = [...Object.keys(completionSchema.shape), ...Object.keys(chatSchema.shape)];
  expect(supported.filter((name) => Object.hasOwn(unsupportedFields, name))).toEqual([]);
});

/** The fields of vLLM's server in addition to OpenAI's, without those for images and audio. */
const ofVllm =
  'use_beam_search top_k min_p repetition_penalty length_penalty stop_token_ids include_stop_str_in_output ignore_eos min_tokens skip_special_tokens spaces_between_special_tokens truncate_prompt_tokens prompt_logprobs allowed_token_ids bad_words add_special_tokens response_format structured_outputs guided_json guided_regex guided_choice guided_grammar guided_decoding_backend guided_whitespace_pattern structural_tag priority request_id logits_processors return_tokens_as_token_ids return_token_ids cache_salt kv_transfer_params vllm_xargs echo';
const ofVllmChats =
  'documents chat_template chat_template_kwargs add_generation_prompt continue_final_message include_reasoning thinking_token_budget mm_processor_kwargs media_io_kwargs';

test.each([
  ['completions', completionSchema, `${ofVllm} prompt_embeds`],
  ['chats', chatSchema, `${ofVllm} ${ofVllmChats}`],
] as const)(
  "each field of vLLM's %s is honoured, has no effect or is a 400 that names it",
  (_, schema, names) => {
    const known = new Set([...Object.keys(schema.shape), ...Object.keys(unsupportedFields)]);
    expect(names.split(' ').filter((name) => !known.has(name))).toEqual([]);
  },
);
