// Binds the arguments of a filter, method or function to its parameters, as Python does.
import { plainOf, TemplateError, typeName, type Value } from './values.ts';

/** A call's name and arguments. */
export interface Given {
  /** Name of the filter, method or function, for error messages. */
  name: string;
  args: readonly Value[];
  keywords: ReadonlyMap<string, Value>;
}

/**
 * Returns the arguments of the call by the names of their parameters. Throws if there are more arguments than parameters, or if a
 * keyword argument names an unknown parameter or a parameter that already has an argument.
 */
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

/** Makes a filter or method that takes no arguments. */
export function plain<Self>(change: (self: Self) => Value): (self: Self, given: Given) => Value {
  return (self, given) => {
    bind(given, []);
    return change(self);
  };
}

export function textArgument(name: string, given: Value): string {
  const value = plainOf(given);
  if (typeof value === 'string') return value;
  throw new TemplateError(`${name}: expected a str, got ${typeName(value)}`);
}

/** Undefined if the argument is absent or None. */
export function optionalText(name: string, value: Value): string | undefined {
  return value === undefined || value === null ? undefined : textArgument(name, value);
}

export function integerArgument(name: string, value: Value): number {
  if (typeof value === 'number' || typeof value === 'boolean') return Number(value);
  throw new TemplateError(`${name}: expected an int, got ${typeName(value)}`);
}

/** An indent is a text or a number of spaces. */
export function indentText(name: string, indent: Value): string {
  return typeof indent === 'string' ? indent : ' '.repeat(Math.max(0, integerArgument(name, indent)));
}
