// The published shapes of Anthropic's Messages API (docs.claude.com: messages, streaming, errors) as strict schemas, which refuse
// other fields. Fields that this server adds are marked.
import { z } from 'zod';
import { errorDetails } from '../requests/error-details.ts';

const count = z.int().min(0);
const text = z.string();

const block = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text }),
  z.strictObject({ type: z.literal('thinking'), thinking: text, signature: text }),
  z.strictObject({
    type: z.literal('tool_use'),
    id: text.min(1),
    name: text.min(1),
    input: z.record(text, z.unknown()),
    caller: z.strictObject({ type: z.literal('direct') }),
  }),
]);

const deltaUsage = z.strictObject({
  input_tokens: count,
  cache_creation_input_tokens: count,
  cache_read_input_tokens: count,
  output_tokens: count,
  output_tokens_details: z.strictObject({ thinking_tokens: count }).nullable(),
  server_tool_use: z.null(),
});

const usage = deltaUsage.extend({
  cache_creation: z.null(),
  inference_geo: z.null(),
  service_tier: z.literal('standard'),
  speed: z.null(),
});

const ending = {
  stop_reason: z
    .enum(['end_turn', 'max_tokens', 'stop_sequence', 'tool_use', 'model_context_window_exceeded'])
    .nullable(),
  stop_sequence: text.nullable(),
  stop_details: z.null(),
  container: z.null(),
};

/** Present only if the request has a field `context_management`. */
const context_management = z
  .strictObject({
    applied_edits: z.array(
      z.discriminatedUnion('type', [
        z.strictObject({
          type: z.literal('clear_thinking_20251015'),
          cleared_thinking_turns: count,
          cleared_input_tokens: count,
        }),
        z.strictObject({
          type: z.literal('clear_tool_uses_20250919'),
          cleared_tool_uses: count,
          cleared_input_tokens: count,
        }),
      ]),
    ),
  })
  .optional();

const hops = z.record(text, count).optional();

export const message = z.strictObject({
  id: text.startsWith('msg_'),
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: text,
  content: z.array(block),
  ...ending,
  diagnostics: z
    .strictObject({ cache_miss_reason: z.strictObject({ type: z.literal('unavailable') }).nullable() })
    .nullable(),
  context_management,
  usage,
  /** Added by this server. */
  expertgrid: z.strictObject({
    seed: z.int(),
    degraded_hops: hops,
    schema_notes: z.array(z.string()).min(1).max(20).optional(),
  }),
});

const delta = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text_delta'), text: text.min(1) }),
  z.strictObject({ type: z.literal('thinking_delta'), thinking: text.min(1) }),
  z.strictObject({ type: z.literal('signature_delta'), signature: text }),
  z.strictObject({ type: z.literal('input_json_delta'), partial_json: text.min(1) }),
]);

export const error = z.strictObject({
  type: z.literal('error'),
  error: z.strictObject({
    type: z.enum([
      'invalid_request_error',
      'authentication_error',
      'permission_error',
      'not_found_error',
      'request_too_large',
      'rate_limit_error',
      'timeout_error',
      'api_error',
      'overloaded_error',
    ]),
    message: text.min(1),
    details: errorDetails.optional(),
  }),
  request_id: text.min(1),
});

export const event = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('message_start'), message }),
  z.strictObject({ type: z.literal('content_block_start'), index: count, content_block: block }),
  z.strictObject({ type: z.literal('content_block_delta'), index: count, delta }),
  z.strictObject({ type: z.literal('content_block_stop'), index: count }),
  z.strictObject({
    type: z.literal('message_delta'),
    delta: z.strictObject(ending),
    context_management,
    usage: deltaUsage,
    /** Added by this server. */
    expertgrid: z.strictObject({ degraded_hops: hops }).optional(),
  }),
  z.strictObject({ type: z.literal('message_stop') }),
  z.strictObject({ type: z.literal('ping') }),
  error,
]);

export const counted = z.strictObject({
  input_tokens: count,
  /** Present only if the request has a field `context_management`. */
  context_management: z.strictObject({ original_input_tokens: count }).optional(),
});

export type MessageBody = z.infer<typeof message>;
export type MessageWireEvent = z.infer<typeof event>;
