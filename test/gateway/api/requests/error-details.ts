// The shape of `error.details`, which this server adds to the errors of both OpenAI's and Anthropic's APIs.
import { z } from 'zod';

export const errorDetails = z.strictObject({
  fields: z
    .array(z.strictObject({ param: z.string(), code: z.string(), message: z.string().min(1) }))
    .min(2)
    .optional(),
  error_code: z.string().optional(),
});
