// What the libraries are asked and the tool they offer: its arguments are closed, so that random weights finish them.
import { z } from 'zod';

export const question = 'What is the weather in Bonn?';
export const next = 'And in Rome?';

/** Arguments of the tool, and the shape of structured answers. */
export const weather = z.object({ city: z.enum(['Bonn', 'Rome']), sunny: z.boolean() });

export function forecast({ city, sunny }: z.infer<typeof weather>): string {
  return `In ${city} ${sunny ? 'the sun shines' : 'it rains'}.`;
}

export const tool = { name: 'weather', description: 'Tells the weather of a city.' };

/** Tokens that a call or a structured answer fits into. */
export const ROOM = 200;
