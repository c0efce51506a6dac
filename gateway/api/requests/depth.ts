// How deep a JSON value may be before it is walked by what recurses: templates, grammars, translations. Pure.
import { badRequest } from '../errors.ts';

const DEEPEST = 100;

/** A 400, naming `param` where one is given, where arrays and objects lie more than 100 in one another. Does not recurse. */
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
