// The functions and constants that every template can use, as in the template environment of Hugging Face's transformers.
import { bind, integerArgument, textArgument } from './arguments.ts';
import { strftime } from './strftime.ts';
import { type Callable, Fields, isDict, itemsOf, TemplateError, textOf, type Value } from './values.ts';

/** Largest length of a range. Longer ones raise, as in Jinja's sandbox. */
const LONGEST_RANGE = 100_000;

const range: Callable = (args, keywords) => {
  if (keywords.size > 0) throw new TemplateError('range() takes no keyword arguments');
  const numbers = args.map((value) => integerArgument('range()', value));
  const [start = 0, stop = 0, step = 1] = numbers.length === 1 ? [0, ...numbers] : numbers;
  if (step === 0) throw new TemplateError('range() arg 3 must not be zero');
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > LONGEST_RANGE) throw new TemplateError(`a range of ${length} is longer than ${LONGEST_RANGE}`);
  return Array.from({ length }, (_, i) => start + i * step);
};

/** The entries that Python's `dict(…)` makes from its arguments. */
function entriesOf(args: readonly Value[], keywords: ReadonlyMap<string, Value>): [string, Value][] {
  const [first] = args;
  const pairs = isDict(first) ? [...first] : itemsOf(first).map((pair) => itemsOf(pair));
  return [...pairs.map(([key, value]): [string, Value] => [textOf(key), value]), ...keywords];
}

const namespace: Callable = (args, keywords) => new Fields('namespace', new Map(entriesOf(args, keywords)));
export const dict: Callable = (args, keywords) => new Map<Value, Value>(entriesOf(args, keywords));

const raiseException: Callable = (args, keywords) => {
  const bound = bind({ name: 'raise_exception()', args, keywords }, ['message']);
  throw new TemplateError(textOf(bound.get('message')));
};

export interface Clock {
  now(): Date;
}

export function globalsOf(clock: Clock): Readonly<Record<string, Value>> {
  return {
    range,
    namespace,
    dict,
    raise_exception: raiseException,
    strftime_now: (args, keywords) => {
      const bound = bind({ name: 'strftime_now()', args, keywords }, ['format']);
      return strftime(clock.now(), textArgument('strftime_now()', bound.get('format')));
    },
    true: true,
    True: true,
    false: false,
    False: false,
    none: null,
    None: null,
  };
}
