// A tool and a structured answer for tests of clients. Their size is bounded, so that nano
// always completes them.
import { z } from 'zod';

/** Schema of the tool's arguments and of the structured answer. */
export const weather = z.strictObject({
  city: z.enum(['Bonn', 'Lima', 'Oslo']),
  days: z.int().min(1).max(7),
});
export type Weather = z.infer<typeof weather>;

export const question = 'What will the weather be like in Lima?';
/** Tokens that suffice for every answer that the schema allows. */
export const ROOM = 96;
/** Tokens of an answer that takes longer than a test waits. Clients abort such answers. */
export const LONG = 1800;
