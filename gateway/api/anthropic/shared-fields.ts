// Fields that occur at several places of an Anthropic request, as zod schemas.
import { z } from 'zod';
import { noEffect } from '../requests/fields/no-effect.ts';

/** Has no effect, because prompts are always cached for as long as there is memory. */
export const cacheControl = noEffect(
  z.looseObject({ type: z.literal('ephemeral') }).nullish(),
  'cache_control',
);

export const effort = z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish();
