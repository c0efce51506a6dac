// Zod schemas of known request fields that are not supported and would change the answer.
import { z } from 'zod';

/** A field that is refused, unless it is null or one of the `neutral` values, which do not change the answer. */
export function refused(...neutral: readonly (string | number | boolean | readonly unknown[])[]) {
  const texts = neutral.map((value) => JSON.stringify(value));
  return z
    .unknown()
    .superRefine((value, context) => {
      if (value === undefined || value === null || texts.includes(written(value))) return;
      const params = { code: 'unsupported_parameter', neutral: texts };
      context.addIssue({ code: 'custom', params });
    })
    .optional()
    .meta({
      enum: [...neutral, null],
      description: 'Other values are refused with an error that names the field.',
    });
}

/** The value as JSON. '' for a list or object with members: these are never neutral, and JSON.stringify fails on deep ones. */
function written(value: unknown): string {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
    ? ''
    : JSON.stringify(value);
}
