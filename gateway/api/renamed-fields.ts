// Errors on the fields of a request that was translated, under the names that its caller wrote. Pure.
//
// Worked example: [['messages[1]', 'input[0]'], ['max_completion_tokens', 'max_output_tokens']] turns an error on
// messages[1].content[0].text into one on input[0].content[0].text.
import { ApiError, ClientGone } from './errors.ts';

/** Path in the translated request, path in the caller's. The longest that fits is taken. */
export type FieldNames = readonly (readonly [inner: string, outer: string])[];

/** The caller's name of a path; one that no pair fits is the caller's own. */
export function outerName(param: string, names: FieldNames): string {
  const fitting = names.filter(([inner]) => param === inner || /^[.[]/.test(within(param, inner)));
  const longest = fitting.reduce<FieldNames[number] | undefined>((best, pair) => {
    return best === undefined || pair[0].length > best[0].length ? pair : best;
  }, undefined);
  return longest === undefined ? param : longest[1] + param.slice(longest[0].length);
}

/** What follows `inner` in `param`; empty where it does not begin with it. */
function within(param: string, inner: string): string {
  return param.startsWith(inner) ? param.slice(inner.length) : '';
}

/** Waits for `work`, and throws its ApiErrors with the caller's names as param and, where they stand in quotes, in the message. */
export async function underOuterNames<Result>(
  names: FieldNames,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  try {
    return await work();
  } catch (thrown) {
    throw thrown instanceof ApiError && !(thrown instanceof ClientGone) ? renamed(thrown, names) : thrown;
  }
}

function renamed(error: ApiError, names: FieldNames): ApiError {
  const { status, type, code, headers, cause } = error;
  const param = error.param === undefined ? undefined : outerName(error.param, names);
  const message = error.message.replaceAll(/'([a-z_]+(?:\[\d+\]|\.\w+)*)'/g, (_, path: string) => {
    return `'${outerName(path, names)}'`;
  });
  return new ApiError({ status, message, type, param, code, headers, cause });
}
