// Binds the arguments of a filter, method or function to its parameters, as Python does.
import { TemplateError, typeName, type Value } from './values.ts';

export interface Given {
  /** Name of the function, for errors. */
  name: string;
  args: readonly Value[];
  keywords: ReadonlyMap<string, Value>;
}

/** Arguments by the names of their parameters, without those that were not given. Throws if there are too many or unknown ones. */
export function bind({ name, args, keywords }: Given, parameters: readonly string[]): Map<string, Value> {
  if (args.length > parameters.length) {
    throw new TemplateError(`${name} takes at most ${parameters.length} arguments (${args.length} given)`);
  }
  const bound = new Map<string, Value>(args.map((value, i) => [parameters[i] ?? '', value]));
  for (const [key, value] of keywords) {
    if (!parameters.includes(key)) {
      throw new TemplateError(`${name} got an unexpected keyword argument '${key}'`);
    }
    if (bound.has(key)) throw new TemplateError(`${name} got multiple values for argument '${key}'`);
    bound.set(key, value);
  }
  return bound;
}

export function textArgument(name: string, value: Value): string {
  if (typeof value === 'string') return value;
  throw new TemplateError(`${name}: expected a str, got ${typeName(value)}`);
}

export function integerArgument(name: string, value: Value): number {
  if (typeof value === 'number' || typeof value === 'boolean') return Number(value);
  throw new TemplateError(`${name}: expected an int, got ${typeName(value)}`);
}
