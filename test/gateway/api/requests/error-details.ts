// The shape of `error.details`, which we add to OpenAI's and Anthropic's errors alike.
import { z } from 'zod';

export const errorDetails = z.strictObject({
  fields: z
    .array(z.strictObject({ param: z.string(), code: z.string(), message: z.string().min(1) }))
    .min(2)
    .optional(),
  error_code: z.string().optional(),
});
