// Renames the fields in errors about a translated request to the names that its client wrote.
//
// Worked example: [['messages[1]', 'input[0]'], ['max_completion_tokens', 'max_output_tokens']] turns an error on
// messages[1].content[0].text into one on input[0].content[0].text.
import { ApiError, badFields, ClientGone, type FieldFault } from '../errors.ts';

/** Pairs of paths: inner in the translated request, outer in the client's. Of several matches, the longest inner path counts. */
export type FieldNames = readonly (readonly [inner: string, outer: string])[];

/**
 * Returns a function from inner to outer paths. A path that no pair matches stays as it is. Call this once for each error, not for
 * each path, because a request with ten thousand messages has as many pairs.
 */
export function namer(names: FieldNames): (path: string) => string {
  const outer = new Map(names.toReversed());
  const longest = names.reduce((most, [inner]) => Math.max(most, inner.length), 0);
  return (path) => {
    for (let end = Math.min(path.length, longest); end > 0; end--) {
      if (end < path.length && path[end] !== '.' && path[end] !== '[') continue;
      const found = outer.get(path.slice(0, end));
      if (found !== undefined) return found + path.slice(end);
    }
    return path;
  };
}

/** Waits for `work`, and renames the fields in the params and messages of its ApiErrors. */
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
  const { status, type, code, details, headers, cause } = error;
  const outer = namer(names);
  const [first, ...others] = details?.fields ?? [];
  if (first !== undefined) {
    return badFields([renamedFault(first, outer), ...others.map((fault) => renamedFault(fault, outer))]);
  }
  const { message, param } = renamedFault(error, outer);
  return new ApiError({ status, message, type, param, code, details, headers, cause });
}

function renamedFault<Fault extends Pick<FieldFault, 'message'> & { param?: string | undefined }>(
  fault: Fault,
  outer: (path: string) => string,
): Fault {
  const others = (text: string) =>
    text.replaceAll(/'([a-z_]+(?:\[\d+\]|\.\w+)*)'/g, (_, path: string) => `'${outer(path)}'`);
  const { param: inner } = fault;
  const param = inner === undefined ? undefined : outer(inner);
  // The param is replaced separately, because a path into a JSON Schema may contain keys that `others` does not match.
  const texts = inner === undefined ? [fault.message] : fault.message.split(`'${inner}'`);
  return { ...fault, message: texts.map(others).join(`'${param}'`), param };
}
