// The long form of random-schemas.slow.test.ts: other schemas, and more answers to each.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkSchema, type Outcome, schema, value } from './random-schemas.ts';

const schemas = 5_000;

test(`${schemas} random schemas allow no answer that ajv refuses`, () => {
  const outcomes: Record<Outcome, number> = { held: 0, refused: 0, empty: 0, endless: 0 };
  fc.assert(
    fc.property(schema, fc.array(value, { minLength: 50, maxLength: 50 }), fc.nat(), (each, values, seed) => {
      outcomes[checkSchema(each, values, { seed, walks: 4 })]++;
    }),
    { seed: Number(process.env.SEED ?? 1), numRuns: schemas },
  );
  expect(outcomes.endless).toBeLessThan(schemas / 100);
  process.stdout.write(`${JSON.stringify(outcomes)}\n`);
}, 3_600_000);
