// Jinja's filters over the items of a list or dict.
import { bind, type Given, integerArgument, textArgument } from './arguments.ts';
import { testNamed } from './operators.ts';
import {
  Float,
  generator,
  isDict,
  isEqual,
  isNumeric,
  isTrue,
  itemsOf,
  numberOf,
  sequenceOf,
  sorted,
  TemplateError,
  Tuple,
  textOf,
  typeName,
  type Value,
} from './values.ts';

export type Filter = (value: Value, given: Given) => Value;

/** The value at a path such as `a.b.0`, whose numbers are indexes of lists. */
export function attributeOf(value: Value, path: Value): Value {
  const steps = typeof path === 'number' ? [path] : textArgument('attribute', path).split('.');
  return steps.reduce<Value>((at, step) => {
    if (isDict(at)) return at.get(step);
    const index = Number(step);
    return Number.isInteger(index) ? sequenceOf(at)?.at(index) : undefined;
  }, value);
}

type Bound = ReturnType<typeof bind>;

/** The value by which items are compared: an attribute or the item itself, in lower case unless `case_sensitive` is true. */
function keyOf(bound: Bound): (item: Value) => Value {
  const attribute = bound.get('attribute') ?? undefined;
  const caseSensitive = isTrue(bound.get('case_sensitive'));
  return (item) => {
    const own = attribute === undefined ? item : attributeOf(item, attribute);
    return caseSensitive || typeof own !== 'string' ? own : own.toLowerCase();
  };
}

/** The items, or the `attribute` of each item if that argument is given. */
function attributesOf(value: Value, bound: Bound): Value[] {
  const attribute = bound.get('attribute') ?? undefined;
  return itemsOf(value).map((item) => (attribute === undefined ? item : attributeOf(item, attribute)));
}

export function sort(value: Value, given: Given): Value {
  const bound = bind(given, ['reverse', 'case_sensitive', 'attribute']);
  return sorted(itemsOf(value), keyOf(bound), isTrue(bound.get('reverse')));
}

export function dictsort(value: Value, given: Given): Value {
  if (!isDict(value)) throw new TemplateError(`dictsort: expected a dict, got ${typeName(value)}`);
  const bound = bind(given, ['case_sensitive', 'by', 'reverse']);
  const by = bound.get('by') ?? 'key';
  if (by !== 'key' && by !== 'value') throw new TemplateError("dictsort: by is either 'key' or 'value'");
  const key = keyOf(bound);
  const pairs = [...value].map((pair) => new Tuple(pair));
  const part = (pair: Value) => key(sequenceOf(pair)?.[by === 'key' ? 0 : 1]);
  return sorted(pairs, part, isTrue(bound.get('reverse')));
}

export function unique(value: Value, given: Given): Value {
  const key = keyOf(bind(given, ['case_sensitive', 'attribute']));
  const keys: Value[] = [];
  return generator(() =>
    itemsOf(value).filter((item) => {
      const own = key(item);
      if (keys.some((known) => isEqual(known, own))) return false;
      keys.push(own);
      return true;
    }),
  );
}

/** `max` if `sign` is 1, `min` if it is -1. */
export function extreme(sign: 1 | -1): Filter {
  return (value, given) => {
    const bound = bind(given, ['case_sensitive', 'attribute']);
    return sorted(itemsOf(value), keyOf(bound), sign > 0)[0];
  };
}

/**
 * `select` and `reject`, or `selectattr` and `rejectattr` if `byAttribute` is true. They keep the items for which a test returns
 * `wanted`. The template names the test and its argument. If it names no test, the test asks whether the item is true.
 */
export function filterItems(wanted: boolean, byAttribute: boolean): Filter {
  return (value, { name, args, keywords }) => {
    if (keywords.size > 0) throw new TemplateError(`${name} takes no keyword arguments`);
    const [attribute, testName, other] = byAttribute ? args : [undefined, ...args];
    const test = testName === undefined ? isTrue : testNamed(textArgument(name, testName));
    return generator(() =>
      // Jinja does not iterate over a value that is false, such as None.
      (isTrue(value) ? itemsOf(value) : []).filter(
        (item) => test(byAttribute ? attributeOf(item, attribute) : item, other) === wanted,
      ),
    );
  };
}

export function sum(value: Value, given: Given): Value {
  const bound = bind(given, ['attribute', 'start']);
  const all = [bound.get('start') ?? 0, ...attributesOf(value, bound)];
  const numbers = all.map((item) => {
    if (isNumeric(item)) return numberOf(item);
    throw new TemplateError(`sum: expected numbers, got ${typeName(item)}`);
  });
  const total = numbers.reduce((a, b) => a + b, 0);
  return all.some((item) => item instanceof Float) ? new Float(total) : total;
}

export function batch(value: Value, given: Given): Value {
  const bound = bind(given, ['linecount', 'fill_with']);
  const size = integerArgument('batch', bound.get('linecount'));
  const fill = bound.get('fill_with') ?? null;
  const items = itemsOf(value);
  const batches: Value[] = [];
  for (let at = 0; at < items.length; at += size) {
    const batch = items.slice(at, at + size);
    while (fill !== null && batch.length < size) batch.push(fill);
    batches.push(batch);
  }
  return generator(() => batches);
}

export function join(value: Value, given: Given): Value {
  const bound = bind(given, ['d', 'attribute']);
  return attributesOf(value, bound)
    .map(textOf)
    .join(textOf(bound.get('d')));
}
