// The request fields of structured output, as zod schemas.
import { z } from 'zod';

const schemaValue = z.record(z.string(), z.unknown());

export const responseFormat = z.strictObject({
  type: z.enum(['text', 'json_object', 'json_schema']),
  json_schema: z
    .strictObject({
      name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'expected 1 to 64 letters, digits, _ or -'),
      description: z.string().nullish(),
      schema: schemaValue,
      strict: z
        .boolean()
        .nullish()
        .describe(
          'False: unsupported parts of the schema are ignored, and `expertgrid.schema_notes` lists them.',
        ),
    })
    .nullish(),
});
export type ResponseFormat = z.infer<typeof responseFormat>;

const guidedJson = z.union([z.string(), schemaValue]).nullish();
const guidedRegex = z.string().min(1).nullish();
const guidedChoice = z.array(z.string()).min(1).nullish();
const guidedGrammar = z.string().min(1).nullish();

export const structuredFields = {
  response_format: responseFormat
    .nullish()
    .describe('Form of the answer: plain text, any JSON object, or JSON that satisfies a schema.'),
  guided_json: guidedJson.describe('A JSON Schema, or its text, that the answer has to satisfy.'),
  guided_regex: guidedRegex.describe('A regular expression that the whole answer has to match.'),
  guided_choice: guidedChoice.describe('The answer has to be one of these texts.'),
  guided_grammar: guidedGrammar.describe(
    'A grammar in EBNF (GBNF) that the answer has to match from `root`.',
  ),
  structured_outputs: z
    .strictObject({
      json: guidedJson,
      json_object: z.boolean().nullish(),
      regex: guidedRegex,
      choice: guidedChoice,
      grammar: guidedGrammar,
    })
    .nullish()
    .describe("The same fields under vLLM's newer names."),
};
const fields = z.object(structuredFields);
export type StructuredFields = z.infer<typeof fields>;
