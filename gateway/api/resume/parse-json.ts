// Reads the JSON that trusted callers send in headers and records.
import type { z } from 'zod';
import { errorText } from '../../../base/error-text.ts';
import { badRequest } from '../errors.ts';

/** Throws a 400 that names the invalid part. `from` is the name of the whole. */
export function parseJson<Schema extends z.ZodType>(
  schema: Schema,
  json: string,
  from: string,
): z.infer<Schema> {
  const parsed = schema.safeParse(jsonOf(json, from));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const param = [from, ...(issue?.path ?? [])].join('.');
  throw badRequest(`Invalid '${param}': ${issue?.message}.`, { param, code: 'invalid_value' });
}

function jsonOf(json: string, param: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw badRequest(`Invalid '${param}': ${errorText(error)}.`, { param, code: 'invalid_value' });
  }
}
