// Tries zod 4 schemas as schemas of structured answers over the three APIs. Each answer must pass its zod schema.
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { z } from 'zod';
import { allOf, type ModelName, type Setting } from '../client.ts';
import { question, ROOM } from '../weather.ts';

export const name = 'zod schemas';
export const packages = ['zod', 'openai', '@anthropic-ai/sdk'];
/** `long`, because its random strings end soon. */
export const models: readonly ModelName[] = ['long'];

const day = z.enum(['Monday', 'Tuesday']);
const point = z.object({ x: z.number(), y: z.number() });
interface Tree {
  leaf: boolean;
  children?: Tree[] | undefined;
}
const tree: z.ZodType<Tree> = z.lazy(() =>
  z.object({ leaf: z.boolean(), children: z.array(tree).max(2).optional() }),
);

/** Schemas of fields whose values JSON can express. */
const types: Record<string, z.ZodType> = {
  string: z.string().max(20),
  'string.min.max': z.string().min(2).max(9),
  'string.length': z.string().length(4),
  'string.regex': z.string().regex(/^[a-z]{2,5}-\d+$/),
  'string.regex.max': z
    .string()
    .regex(/^[a-z]+$/)
    .max(12),
  'string.startsWith': z.string().startsWith('a').max(20),
  'string.endsWith': z.string().endsWith('z').max(20),
  'string.includes': z.string().includes('mid').max(20),
  'string.lowercase': z.string().lowercase().max(20),
  'string.uppercase': z.string().uppercase().max(20),
  email: z.email().max(40),
  uuid: z.uuid(),
  uuidv4: z.uuidv4(),
  guid: z.guid(),
  url: z.url().max(60),
  emoji: z.emoji().max(20),
  base64: z.base64().max(40),
  base64url: z.base64url().max(40),
  nanoid: z.nanoid(),
  cuid: z.cuid().max(30),
  cuid2: z.cuid2().max(30),
  ulid: z.ulid(),
  ipv4: z.ipv4(),
  ipv6: z.ipv6(),
  cidrv4: z.cidrv4(),
  cidrv6: z.cidrv6(),
  e164: z.e164(),
  'iso.date': z.iso.date(),
  'iso.time': z.iso.time(),
  'iso.datetime': z.iso.datetime(),
  'iso.duration': z.iso.duration(),
  number: z.number(),
  'number.min.max': z.number().min(-3).max(7.5),
  'number.positive': z.number().positive(),
  'number.multipleOf': z.number().multipleOf(5),
  int: z.int(),
  int32: z.int32(),
  uint32: z.uint32(),
  'int.min.max': z.int().min(3).max(70),
  boolean: z.boolean(),
  null: z.null(),
  literal: z.literal('one'),
  literals: z.literal(['one', 2, true, null]),
  enum: day,
  nullable: day.nullable(),
  optional: day.optional(),
  default: day.default('Monday'),
  array: z.array(day).max(3),
  'array.min.max': z.array(point).min(1).max(2),
  tuple: z.tuple([day, z.int().min(0).max(9)]),
  'tuple.rest': z.tuple([day], z.boolean()),
  object: point,
  strictObject: z.strictObject({ day }),
  looseObject: z.looseObject({ day }),
  catchall: z.object({ day }).catchall(z.boolean()),
  record: z.record(z.string().max(5), z.boolean()),
  'record.enum': z.record(day, z.boolean()),
  partialRecord: z.partialRecord(day, z.boolean()),
  union: z.union([day, z.int().max(9)]),
  discriminatedUnion: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('a'), day }),
    z.object({ kind: z.literal('b'), sunny: z.boolean() }),
  ]),
  intersection: z.intersection(z.object({ day }), z.object({ sunny: z.boolean() })),
  lazy: tree,
  readonly: z.array(z.boolean()).max(2).readonly(),
  describe: day.describe('A day.'),
  meta: day.meta({ title: 'Day', examples: ['Monday'], id: 'day' }),
  unknown: z.unknown(),
  any: z.any(),
};

export async function run({ baseUrl, model, signal }: Setting): Promise<string> {
  const openai = new OpenAI({ baseURL: `${baseUrl}/v1`, apiKey: 'none', maxRetries: 0 });
  const anthropic = new Anthropic({ baseURL: baseUrl, apiKey: 'none', maxRetries: 0 });
  const options = { signal };
  const messages = [{ role: 'user' as const, content: question }];
  const max = 4 * ROOM;

  /** For each API, a function that returns the text of an answer with this schema, or undefined if the answer was cut off. */
  const apis: Record<string, (schema: Record<string, unknown>) => Promise<string | undefined>> = {
    chat: async (schema) => {
      const format = { type: 'json_schema' as const, json_schema: { name: 'answer', schema, strict: true } };
      const asked = { model, messages, max_tokens: max, response_format: format };
      const [choice] = (await openai.chat.completions.create(asked, options)).choices;
      return choice?.finish_reason === 'stop' ? (choice.message.content ?? '') : undefined;
    },
    responses: async (schema) => {
      const format = { type: 'json_schema' as const, name: 'answer', schema, strict: true };
      const asked = { model, input: question, max_output_tokens: max, text: { format } };
      const response = await openai.responses.create(asked, options);
      return response.status === 'completed' ? response.output_text : undefined;
    },
    messages: async (schema) => {
      const format = { type: 'json_schema' as const, schema };
      const asked = { model, messages, max_tokens: max, output_config: { format } };
      const { content, stop_reason } = await anthropic.messages.create(asked, options);
      const [block] = content;
      return stop_reason === 'end_turn' && block?.type === 'text' ? block.text : undefined;
    },
  };
  let cut = 0;
  await allOf(
    Object.entries(types).flatMap(([what, type]) =>
      Object.entries(apis).map(([api, answer]) => async () => {
        const schema = z.object({ value: type });
        const text = await answer(z.toJSONSchema(schema, { io: 'input' })).catch((error: unknown) => {
          throw new Error(`${what} on ${api}: ${error instanceof Error ? error.message : error}`);
        });
        if (text === undefined) cut++;
        else {
          const { success, error } = schema.safeParse(JSON.parse(text));
          if (!success) throw new Error(`${what} on ${api}: ${text} does not pass: ${error.message}`);
        }
        return what;
      }),
    ),
  );
  const of = Object.keys(types).length;
  return `${of} types over chat, responses and messages; ${3 * of - cut} answers pass, ${cut} were cut by max_tokens`;
}
