// Reads the command-line flags of a benchmark.
import { parseArgs } from 'node:util';

type Values<Defaults> = {
  [Name in keyof Defaults]: Defaults[Name] extends boolean
    ? boolean
    : Defaults[Name] extends string
      ? string
      : string | undefined;
};

/** Flag values by name. A flag takes a string, or no value if its default is `false`. Throws on an unknown flag. */
export function readFlags<Defaults extends Record<string, string | false | undefined>>(
  defaults: Defaults,
): Values<Defaults> {
  const options = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [
      name,
      { type: value === false ? ('boolean' as const) : ('string' as const), default: value },
    ]),
  );
  return parseArgs({ options }).values as Values<Defaults>;
}
