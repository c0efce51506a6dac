// The question and the tool with which libraries are tried. The tool's schema allows only short arguments, so that a
// model with random weights completes them.
import { z } from 'zod';

export const question = 'What is the weather in Bonn?';
export const next = 'And in Rome?';

/** Schema of the tool's arguments and of structured answers. */
export const weather = z.object({ city: z.enum(['Bonn', 'Rome']), sunny: z.boolean() });

export function forecast({ city, sunny }: z.infer<typeof weather>): string {
  return `In ${city} ${sunny ? 'the sun shines' : 'it rains'}.`;
}

export const tool = { name: 'weather', description: 'Tells the weather of a city.' };

/** Tokens that suffice for a call or a structured answer. */
export const ROOM = 200;
