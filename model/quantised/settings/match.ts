// Which modules the lists of names in a `quantization_config` mean. Names may be regular expressions, as Python writes them.
import { type Fields, show } from '../../config/config-fields.ts';

/** Whether a list of names has a module. */
export type Matcher = (module: string) => boolean;

/** Longest expression that is accepted. Published ones are far shorter. */
const LONGEST_PATTERN = 512;

/** The strings of a list that may be absent. */
export function names(fields: Fields, field: string): string[] {
  const value = fields.raw(field) ?? [];
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
  return fields.refuse(field, `is ${show(value)}, not a list of names`);
}

/** Matches at the start of a name, as Python's `re.match` does. */
export function startPattern(fields: Fields, field: string, pattern: string, end = ''): RegExp {
  if (pattern.length > LONGEST_PATTERN) {
    fields.refuse(field, `has an expression of more than ${LONGEST_PATTERN} characters`);
  }
  try {
    return new RegExp(`^(?:${pattern})${end}`);
  } catch {
    return fields.refuse(field, `${show(pattern)} is not an expression that can be read`);
  }
}

/**
 * Transformers' rule for `modules_to_not_convert` (`should_convert_module`): the name starts with an entry, which is an
 * expression and ends where a part of the name ends, or the name ends with an entry.
 */
export function exclusions(fields: Fields, ...lists: readonly string[]): Matcher {
  const entries = lists.flatMap((field) => names(fields, field).map((name) => ({ field, name })));
  const patterns = entries.map(({ field, name }) =>
    startPattern(fields, field, name, '(?:(?<=\\.)|(?=\\.|$))'),
  );
  return (module) =>
    entries.some(({ name }) => module.endsWith(name)) || patterns.some((pattern) => pattern.test(module));
}

/** Classes that the targets of compressed-tensors name. Only these two have weights that a bundle keeps as matrices. */
const classes: Readonly<Record<string, Matcher>> = {
  Linear: (module) => !module.endsWith('embed_tokens'),
  Embedding: (module) => module.endsWith('embed_tokens'),
};

/** compressed-tensors' rule for targets and `ignore`: a name, an expression after `re:`, or the name of a class. */
export function targets(fields: Fields, field: string): Matcher {
  const matchers = names(fields, field).map((name): Matcher => {
    if (Object.hasOwn(classes, name)) return classes[name]!;
    if (!name.startsWith('re:')) return (module) => module === name;
    const pattern = startPattern(fields, field, name.slice(3));
    return (module) => pattern.test(module);
  });
  return (module) => matchers.some((matches) => matches(module));
}
