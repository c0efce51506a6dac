import fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkSchema, type Outcome, schema, value } from './random-schemas.ts';

it('random schemas allow no answer that ajv refuses, and never lead to a state that allows no token', () => {
  const outcomes: Record<Outcome, number> = { held: 0, refused: 0, empty: 0, endless: 0 };
  fc.assert(
    fc.property(schema, fc.array(value, { minLength: 25, maxLength: 25 }), fc.nat(), (each, values, seed) => {
      outcomes[checkSchema(each, values, { seed, walks: 3 })]++;
    }),
    { seed: 21, numRuns: 250 },
  );
  expect(outcomes.held).toBeGreaterThan(150);
  expect(outcomes.endless).toBeLessThan(3);
});
