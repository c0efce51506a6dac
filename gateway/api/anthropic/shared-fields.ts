// Fields that stand at several places of an Anthropic request, as zod schemas. Knows no place of theirs.
import { z } from 'zod';
import { noEffect } from '../requests/fields/no-effect.ts';

/** Prompts are cached without being asked, for as long as there is memory: a mark may say whatever it likes. */
export const cacheControl = noEffect(
  z.looseObject({ type: z.literal('ephemeral') }).nullish(),
  'cache_control',
);

export const effort = z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish();
