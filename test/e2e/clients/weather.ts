// What the tests of clients ask for: a tool and an answer of bounded size, which a model that knows nothing can give too.
import { z } from 'zod';

/** Arguments of the tool, and the structured answer. */
export const weather = z.strictObject({
  city: z.enum(['Bonn', 'Lima', 'Oslo']),
  days: z.int().min(1).max(7),
});
export type Weather = z.infer<typeof weather>;

export const question = 'What will the weather be like in Lima?';
/** Room for every answer that the schema allows. */
export const ROOM = 96;
/** Longer than any test waits; left in the middle. */
export const LONG = 1800;
