// Checks that our schemas of answers and requests agree with the types of the official clients. The type checker runs these checks.
import type Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import { expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type {
  inputTokensSchema,
  responsesSchema,
  unsupportedResponsesFields,
} from '../../../../gateway/api/responses/schema.ts';
import type * as anthropic from '../anthropic/shapes.ts';
import type * as responses from '../responses/shapes.ts';
import type * as openai from './openai-shapes.ts';

test("answers have OpenAI's types", () => {
  // The choices are left out: the first token of an echoed prompt has no log-probability, which the types do not allow.
  expectTypeOf<z.infer<typeof openai.completion>>().toExtend<Omit<OpenAI.Completion, 'choices'>>();
  expectTypeOf<z.infer<typeof openai.chatCompletion>>().toExtend<OpenAI.ChatCompletion>();
  expectTypeOf<z.infer<typeof openai.chatChunk>>().toExtend<OpenAI.ChatCompletionChunk>();
  expectTypeOf<z.infer<typeof openai.model>>().toExtend<OpenAI.Model>();
});

type Response = Omit<OpenAI.Responses.Response, 'output_text'>;

test("responses have OpenAI's types", () => {
  // The shapes allow any fields here, because the answer repeats these settings as the client sent them.
  type Loose = 'text' | 'tool_choice' | 'tools' | 'reasoning';
  // The published examples have null here, which the types do not allow.
  type Nullable = 'usage' | 'user';
  type Apart = Loose | Nullable;
  type Ours = z.infer<typeof responses.response>;
  expectTypeOf<Ours>().toExtend<Omit<Response, Apart>>();
  expectTypeOf<NonNullable<Ours['usage']>>().toExtend<OpenAI.Responses.ResponseUsage>();
  type Event = z.infer<typeof responses.event>;
  type Held = { response: unknown };
  expectTypeOf<Exclude<Event, Held>>().toExtend<OpenAI.Responses.ResponseStreamEvent>();
  expectTypeOf<Event['type']>().toExtend<OpenAI.Responses.ResponseStreamEvent['type']>();
});

/** Adds the field `citations`, which the types require. Anthropic omits it, and clients with schemas refuse null. */
type Cited<Part> = Part extends { type: 'text' }
  ? Part & { citations: null }
  : Part extends object
    ? { [Key in keyof Part]: Cited<Part[Key]> }
    : Part;

test("messages have Anthropic's types", () => {
  expectTypeOf<Cited<z.infer<typeof anthropic.message>>>().toExtend<Anthropic.Message>();
  type Event = Exclude<z.infer<typeof anthropic.event>, { type: 'error' | 'ping' }>;
  expectTypeOf<Cited<Event>>().toExtend<Anthropic.MessageStreamEvent>();
  expectTypeOf<z.infer<typeof anthropic.counted>>().toExtend<Anthropic.MessageTokensCount>();
});

/** Names of all fields that some branch of a union has. */
type FieldsOf<Union> = Union extends object ? keyof Union : never;
/** The branch of a union whose `type` may be this. */
type BranchOf<Union, Type> = Union extends { type?: infer Own }
  ? NonNullable<Type> extends NonNullable<Own>
    ? Union
    : never
  : never;
/** Fields that a client may send and that the schema lacks, as `type.field`. Loose schemas (`z.looseObject`) lack none. */
type Unknown<Sent, Ours> = Sent extends { type?: infer Type extends string | null | undefined }
  ? `${NonNullable<Type>}.${Exclude<FieldsOf<Sent>, FieldsOf<BranchOf<Ours, Type>>> & string}`
  : Exclude<FieldsOf<Sent>, FieldsOf<Ours>>;

type Sdk = OpenAI.Responses.ResponseCreateParams;
type Fields = z.input<typeof responsesSchema>;
type Item = Exclude<NonNullable<Fields['input']>, string>[number];
type SdkItem = OpenAI.Responses.ResponseInputItem;
type Message = Extract<Item, { role: string; content: unknown }>;
type Part = Exclude<Message['content'], string>[number];
type SdkPart =
  | OpenAI.Responses.ResponseInputContent
  | OpenAI.Responses.ResponseOutputMessage['content'][number];
/** Parts of these types are refused, so their fields are not checked. */
type Refused = `${'input_image' | 'input_file'}.${string}`;
type Tool = NonNullable<Fields['tools']>[number];
type Namespace = Extract<Tool, { type: 'namespace'; description?: unknown }>;
type Choice = Exclude<NonNullable<Fields['tool_choice']>, string>;

test('each field that the official client sends to /v1/responses is known to the schema', () => {
  expectTypeOf<Unknown<{ type: 'function'; name: string; odd: 1 }, Tool>>().toEqualTypeOf<'function.odd'>();
  expectTypeOf<Exclude<keyof Sdk, keyof Fields | keyof typeof unsupportedResponsesFields>>().toBeNever();
  expectTypeOf<Unknown<Sdk['reasoning'], Fields['reasoning']>>().toBeNever();
  expectTypeOf<Unknown<Sdk['text'], Fields['text']>>().toBeNever();
  expectTypeOf<Unknown<Sdk['stream_options'], Fields['stream_options']>>().toBeNever();
  expectTypeOf<Unknown<Sdk['prompt_cache_options'], Fields['prompt_cache_options']>>().toBeNever();
  expectTypeOf<Unknown<Sdk['access_programs'], Fields['access_programs']>>().toBeNever();
  expectTypeOf<Unknown<Sdk['image'], Fields['image']>>().toBeNever();
  expectTypeOf<Unknown<OpenAI.Responses.Tool, Tool>>().toBeNever();
  expectTypeOf<
    Unknown<OpenAI.Responses.NamespaceTool['tools'][number], Namespace['tools'][number]>
  >().toBeNever();
  expectTypeOf<Unknown<Exclude<Sdk['tool_choice'], string>, Choice>>().toBeNever();
  expectTypeOf<Unknown<{ type: 'reasoning'; odd: 1 }, Item>>().toEqualTypeOf<'reasoning.odd'>();
  expectTypeOf<Unknown<{ type: 'odd' }, Item>>().toEqualTypeOf<'odd.type'>();
  expectTypeOf<Unknown<SdkItem, Item>>().toBeNever();
  expectTypeOf<Unknown<OpenAI.Responses.ResponseOutputItem, Item>>().toBeNever();
  expectTypeOf<Exclude<Unknown<SdkPart, Part>, Refused>>().toBeNever();
});

test('each value that the official client may send in these fields is known', () => {
  expectTypeOf<NonNullable<Sdk['include']>[number]>().toExtend<NonNullable<Fields['include']>[number]>();
  expectTypeOf<Sdk['truncation']>().toExtend<Fields['truncation']>();
  expectTypeOf<Sdk['prompt_cache_retention']>().toExtend<Fields['prompt_cache_retention']>();
  expectTypeOf<Sdk['service_tier']>().toExtend<Fields['service_tier']>();
  expectTypeOf<Sdk['stream_options']>().toExtend<Fields['stream_options']>();
  expectTypeOf<Sdk['image']>().toExtend<Fields['image']>();
  expectTypeOf<Sdk['text']>().toExtend<Fields['text']>();
  type Reasoning = NonNullable<Fields['reasoning']>;
  expectTypeOf<NonNullable<Sdk['reasoning']>['effort']>().toExtend<Reasoning['effort']>();
  expectTypeOf<NonNullable<Sdk['reasoning']>['summary']>().toExtend<Reasoning['summary']>();
  expectTypeOf<NonNullable<Sdk['reasoning']>['generate_summary']>().toExtend<Reasoning['generate_summary']>();
});

test('each field that the official client sends to /v1/responses/input_tokens is known', () => {
  type Known = keyof z.input<typeof inputTokensSchema>;
  expectTypeOf<Exclude<keyof OpenAI.Responses.InputTokenCountParams, Known>>().toBeNever();
});
