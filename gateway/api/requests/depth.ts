// Limits the depth of JSON values. The code of templates, grammars and translations reads values by recursion, which could exceed
// the stack.
import { badRequest } from '../errors.ts';

/** Largest number of arrays and objects that are nested within one another. */
const DEEPEST = 100;

/** Throws a 400 that names `param` if `value` exceeds `DEEPEST`. Without `param`, the error is about the whole request. */
export function refuseDeep(value: unknown, param?: string): void {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST + 1) {
      const what = param === undefined ? 'Your request' : `Invalid '${param}': it`;
      const message = `${what} is nested more than ${DEEPEST} deep.`;
      throw badRequest(message, { ...(param !== undefined && { param }), code: 'too_deep' });
    }
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
}
