// Translates zod's issues to error messages, parameter names and codes as OpenAI's API has them.
import type { z } from 'zod';
import type { FieldFault } from '../errors.ts';
import { parameterName } from './fields/schema.ts';

type Issue = z.core.$ZodIssue;
type Fault = Omit<FieldFault, 'param'>;

/** One fault for each field, in the order of the issues. `body` is the value that was parsed. */
export function* issueFaults(issues: readonly Issue[], body: unknown): Generator<FieldFault> {
  const named = new Set<string>();
  for (const issue of relevant(issues)) {
    for (const fault of faultsOf(issue, body, [])) {
      if (!named.has(fault.param)) yield fault;
      named.add(fault.param);
    }
  }
}

/** If the `type` of an object is unknown, leaves out the other issues of this object, because they assume another type. */
function relevant(issues: readonly Issue[]): Issue[] {
  const ofType = new Set(
    issues.filter(({ code, path }) => code === 'invalid_value' && path.at(-1) === 'type'),
  );
  const objects = new Set([...ofType].map(({ path }) => parameterName(path.slice(0, -1))));
  return issues.filter((issue) => ofType.has(issue) || !objects.has(parameterName(objectOf(issue))));
}

/** Path of the object that contains the issue. */
function objectOf({ code, path }: Issue): PropertyKey[] {
  return code === 'unrecognized_keys' ? path : path.slice(0, -1);
}

function faultsOf(issue: Issue, body: unknown, above: readonly PropertyKey[]): FieldFault[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const param = parameterName([...path, key]);
      return { message: `Unknown parameter: '${param}'.`, code: 'unknown_parameter', param };
    });
  }
  if (issue.code === 'invalid_union') return unionFaults(issue, body, path);
  return [{ param: parameterName(path), ...faultOf(issue, path, valueAt(body, path)) }];
}

type FieldIssue = Exclude<Issue, { code: 'unrecognized_keys' | 'invalid_union' }>;

function faultOf(
  issue: FieldIssue,
  path: readonly PropertyKey[],
  value: unknown,
): Fault & { param?: string } {
  const name = parameterName(path);
  switch (issue.code) {
    case 'invalid_type':
      return typeFault(issue.expected, name, value);
    case 'invalid_value':
      return valueFault(issue.values, name, value);
    case 'too_big':
      return rangeFault(name, value, 'above', issue.maximum, issue.message);
    case 'too_small':
      return rangeFault(name, value, 'below', issue.minimum, issue.message);
    case 'invalid_key': {
      const param = parameterName(path.slice(0, -1));
      const message = `Invalid key in '${param}': ${show(path.at(-1))}. Keys are token ids.`;
      return { message, code: 'invalid_key', param };
    }
    case 'custom':
      if (issue.params?.neutral !== undefined) return unsupportedFault(name, issue.params.neutral);
      return { message: issue.message, code: String(issue.params?.code ?? 'invalid_value') };
    default:
      return { message: `Invalid '${name}': ${issue.message}.`, code: 'invalid_value' };
  }
}

/** The faults of the value, checked by the branch of the union that describes values of its type. */
function unionFaults(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  body: unknown,
  path: readonly PropertyKey[],
): FieldFault[] {
  const param = parameterName(path);
  const value = valueAt(body, path);
  // The branches are objects of different `type`s, and the value has none of these types.
  if ('options' in issue && issue.options !== undefined && value !== undefined) {
    const known = issue.options.filter((option) => option !== undefined);
    return [{ ...valueFault(known, param, value), param }];
  }
  const fitting = issue.errors.filter(
    ([first]) => first !== undefined && (first.path.length > 0 || first.code !== 'invalid_type'),
  );
  const values = fitting.flatMap(([first]) => {
    return first?.code === 'invalid_value' && first.path.length === 0 ? [first.values] : [];
  });
  if (values.length > 0 && values.length === fitting.length) {
    return [{ ...valueFault(values.flat(), param, value), param }];
  }
  if (fitting[0] !== undefined) return relevant(fitting[0]).flatMap((inner) => faultsOf(inner, body, path));
  const expected = issue.errors.flatMap(([first]) =>
    first?.code === 'invalid_type' ? [first.expected] : [],
  );
  if (value === undefined) return [{ ...missing(param), param }];
  const message = `Invalid type for '${param}': expected ${expected.map(kind).join(' or ')}, but got ${kindOf(value)} instead.`;
  return [{ message, code: 'invalid_type', param }];
}

function typeFault(expected: string, name: string, value: unknown): Fault {
  if (value === undefined) return missing(name);
  if (expected === 'null') return unsupportedFault(name);
  const message = `Invalid type for '${name}': expected ${kind(expected)}, but got ${kindOf(value)} instead.`;
  return { message, code: 'invalid_type' };
}

function valueFault(supported: readonly unknown[], name: string, value: unknown): Fault {
  if (value === undefined) return missing(name);
  const values = supported.map(show).join(', ');
  if (supported.some((one) => typeof one === typeof value)) {
    const message = `Invalid value for '${name}': ${show(value)}. Supported values are: ${values}.`;
    return { message, code: 'invalid_value' };
  }
  const message = `Invalid type for '${name}': expected one of ${values}, but got ${kindOf(value)} instead.`;
  return { message, code: 'invalid_type' };
}

function missing(name: string): Fault {
  return { message: `Missing required parameter: '${name}'.`, code: 'missing_required_parameter' };
}

/** The fault of a known field that this server does not support. `neutral` lists values that are accepted anyway (JSON texts). */
export function unsupportedFault(name: string, neutral: readonly string[] = []): Fault {
  const only = neutral.length > 0 ? ` Only ${neutral.join(', ')} is.` : '';
  const message = `Unsupported parameter: '${name}' is not supported by this server.${only}`;
  return { message, code: 'unsupported_parameter' };
}

function rangeFault(
  name: string,
  value: unknown,
  side: 'above' | 'below',
  limit: number | bigint,
  noun: string,
): Fault {
  const bound = side === 'above' ? 'maximum' : 'minimum';
  if (typeof value === 'number') {
    // `noun` is 'decimal' or 'integer' (see numbers.ts), or else the message of zod's own check of safe integers.
    const code = noun === 'decimal' ? 'decimal' : 'integer';
    const sign = side === 'above' ? '<=' : '>=';
    const message = `Invalid '${name}': ${code} ${side} ${bound} value. Expected a value ${sign} ${limit}, but got ${value} instead.`;
    return { message, code: `${code}_${side}_${side === 'above' ? 'max' : 'min'}_value` };
  }
  const length = typeof value === 'string' || Array.isArray(value) ? value.length : 0;
  const [what, code] = typeof value === 'string' ? ['a string', 'string'] : ['an array', 'array'];
  if (length === 0) {
    const message = `Invalid '${name}': empty ${code}. Expected ${what} with minimum length ${limit}, but got an empty ${code} instead.`;
    return { message, code: `empty_${code}` };
  }
  const message = `Invalid '${name}': ${code} too ${side === 'above' ? 'long' : 'short'}. Expected ${what} with ${bound} length ${limit}, but got ${what} with length ${length} instead.`;
  return { message, code: `${code}_${side}_${side === 'above' ? 'max' : 'min'}_length` };
}

const kinds: Record<string, string> = {
  string: 'a string',
  number: 'a decimal',
  int: 'an integer',
  boolean: 'a boolean',
  array: 'an array',
  object: 'an object',
  record: 'an object',
};

function kind(expected: string): string {
  return kinds[expected] ?? expected;
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'an integer' : 'a decimal number';
  return kind(typeof value);
}

function valueAt(body: unknown, path: readonly PropertyKey[]): unknown {
  let value = body;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}

/** Largest number of characters of a value that a message quotes. */
const LONGEST_SHOWN = 100;

function show(value: unknown): string {
  if (typeof value === 'string')
    return `'${value.length > LONGEST_SHOWN ? `${value.slice(0, LONGEST_SHOWN)}…` : value}'`;
  return typeof value === 'object' && value !== null ? kindOf(value) : String(value);
}
