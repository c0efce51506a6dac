// What the shapes allow is what the official clients' types say: checked when types are.
import type Anthropic from '@anthropic-ai/sdk';
import type OpenAI from 'openai';
import { expectTypeOf, test } from 'vitest';
import type { z } from 'zod';
import type * as anthropic from './anthropic-shapes.ts';
import type * as openai from './openai-shapes.ts';
import type * as responses from './responses-shapes.ts';

test("answers have OpenAI's types", () => {
  // An echoed prompt's first token has no log-probability, which the types leave out.
  expectTypeOf<z.infer<typeof openai.completion>>().toExtend<Omit<OpenAI.Completion, 'choices'>>();
  expectTypeOf<z.infer<typeof openai.chatCompletion>>().toExtend<OpenAI.ChatCompletion>();
  expectTypeOf<z.infer<typeof openai.chatChunk>>().toExtend<OpenAI.ChatCompletionChunk>();
  expectTypeOf<z.infer<typeof openai.model>>().toExtend<OpenAI.Model>();
});

type Response = Omit<OpenAI.Responses.Response, 'output_text'>;

test("responses have OpenAI's types", () => {
  // Loose in the shapes: what was asked is given back as it came.
  type Loose = 'text' | 'tool_choice' | 'tools' | 'reasoning';
  // Null in the published examples, absent in the types.
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

/** Null in the types; Anthropic leaves it out, and clients that check refuse null. */
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
