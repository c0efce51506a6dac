import Ajv from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { assertions } from '../../../../gateway/constraints/schema/keywords.ts';
import { open, write } from '../writer.ts';
import { schemas } from './schemas.ts';

const ajv = new Ajv.default({ strict: false });
addFormats.default(ajv);

describe('200 schemas, with answers written by random logits at temperature 1.5', () => {
  it('are 200 schemas that use every supported keyword', () => {
    expect(schemas).toHaveLength(200);
    const text = JSON.stringify(schemas);
    expect(Object.keys(assertions).filter((keyword) => !text.includes(`"${keyword}":`))).toEqual([]);
  });

  it.each(schemas.map((schema, i) => [i, JSON.stringify(schema), schema] as const))(
    'satisfy ajv: schema %i, %s',
    (i, text, schema) => {
      const validate = ajv.compile(schema);
      for (let seed = 0; seed < 3; seed++) {
        const written = write(open({ type: 'json_schema', schema: text }), { seed: 1000 * i + seed });
        // The name of an undeclared property may go on without an end, like any string without `maxLength`.
        if (!written.finished && text.includes('"additionalProperties":{')) continue;
        expect(written.finished, written.text).toBe(true);
        const value: unknown = JSON.parse(written.text);
        expect(validate(value), `${written.text} ${JSON.stringify(validate.errors)}`).toBe(true);
      }
    },
  );
});
