// The request fields that select which choices are returned, as zod schemas.
import { z } from 'zod';
import { extractorForms, extractorOf, LONGEST_EXTRACTOR } from '../../answers/choices/extract.ts';
import { integer } from './numbers.ts';

/** Largest number of choices for one prompt. */
export const MOST_CHOICES = 128;

const forms = extractorForms.map((form) => `'${form}'`).join(', ');

export const selectionFields = {
  n: integer(1, MOST_CHOICES)
    .nullish()
    .describe('Choices for each prompt; they share its computation. Default 1.'),
  best_of: integer(1, MOST_CHOICES)
    .nullish()
    .describe('Generate this many choices and return the `n` best of them. Default `n`.'),
  select: z
    .enum(['logprob', 'majority'])
    .nullish()
    .describe(
      'How the best choices are found: by the highest mean log-probability, or by a vote over the answers in them. Default `logprob`.',
    ),
  select_answer: z
    .string()
    .max(LONGEST_EXTRACTOR)
    .refine((name) => extractorOf(name) !== undefined, {
      error: `Invalid value for 'select_answer'. Supported values are: ${forms}.`,
    })
    .nullish()
    .describe(`With \`majority\`: the part of a choice for which it votes: ${forms}. Default 'text'.`),
  select_round: integer(1, MOST_CHOICES)
    .nullish()
    .describe('With `majority`: smallest number of choices that are generated at once. Default 4.'),
};
