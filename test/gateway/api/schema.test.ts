import { expect, test } from 'vitest';
import { z } from 'zod';
import { chatSchema, completionSchema, unsupportedFields } from '../../../gateway/api/schema.ts';

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
