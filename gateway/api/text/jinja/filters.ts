// The supported filters of Jinja, with Python's semantics. A template that uses another filter is refused when it is loaded.
import {
  bind,
  type Given,
  indentText,
  integerArgument,
  optionalText,
  plain,
  textArgument,
} from './arguments.ts';
import { fixedText, formatPercent } from './formatting.ts';
import {
  attributeOf,
  batch,
  dictsort,
  extreme,
  type Filter,
  filterItems,
  join,
  sort,
  sum,
  unique,
} from './item-filters.ts';
import { toJson } from './json.ts';
import { escaped } from './operators.ts';
import { capitalize, replace, splitLines, strip } from './python-text.ts';
import {
  Float,
  generator,
  isDict,
  isNumeric,
  isTrue,
  itemsOf,
  Lazy,
  Markup,
  numberOf,
  plainOf,
  sequenceOf,
  TemplateError,
  Tuple,
  textOf,
  typeName,
  type Value,
} from './values.ts';

function lengthOf(value: Value): number {
  if (value instanceof Lazy && value.isView) return value.all().length;
  if (value === undefined) return 0;
  if (typeof value === 'string') return [...value].length;
  if (isDict(value)) return value.size;
  const items = sequenceOf(value);
  if (items !== undefined) return items.length;
  throw new TemplateError(`object of type '${typeName(value)}' has no len()`);
}

function map(value: Value, { name, args, keywords }: Given): Value {
  // Jinja does not iterate over a value that is false, such as None.
  const items = () => (isTrue(value) ? itemsOf(value) : []);
  if (args.length === 0) {
    const bound = bind({ name, args, keywords }, ['attribute', 'default']);
    return generator(() =>
      items().map((item) => {
        const own = attributeOf(item, bound.get('attribute'));
        return own === undefined ? bound.get('default') : own;
      }),
    );
  }
  const [filter, ...rest] = args;
  const called = textArgument(name, filter);
  return generator(() => items().map((item) => applyFilter(item, { name: called, args: rest, keywords })));
}

const NUMBER = /^\s*[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?\s*$/i;

/** The value as a number. Undefined if it is neither a number nor the text of one. */
function parsedNumber(value: Value): number | undefined {
  if (typeof value !== 'string') return isNumeric(value) ? numberOf(value) : undefined;
  return NUMBER.test(value) ? Number(value.replaceAll('_', '')) : undefined;
}

function toInt(value: Value, given: Given): Value {
  const bound = bind(given, ['default', 'base']);
  if ((bound.get('base') ?? 10) !== 10) throw new TemplateError('int: only base 10 is supported');
  const number = parsedNumber(value);
  return number === undefined || !Number.isFinite(number) ? (bound.get('default') ?? 0) : Math.trunc(number);
}

function toFloat(value: Value, given: Given): Value {
  const fallback = bind(given, ['default']).get('default') ?? new Float(0);
  const number = parsedNumber(value);
  return number === undefined ? fallback : new Float(number);
}

const rounded: ReadonlyMap<Value, (value: number) => number> = new Map([
  ['common', halfToEven],
  ['ceil', Math.ceil],
  ['floor', Math.floor],
]);

/** Rounds as Python's `round`. */
function halfToEven(value: number): number {
  const nearest = Math.round(value);
  return Math.abs(value % 1) === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

function round(value: Value, given: Given): Value {
  const bound = bind(given, ['precision', 'method']);
  const digits = integerArgument('round', bound.get('precision') ?? 0);
  const method = bound.get('method') ?? 'common';
  const change = rounded.get(method);
  if (change === undefined) throw new TemplateError('method must be common, ceil or floor');
  if (!isNumeric(value)) throw new TemplateError(`type ${typeName(value)} doesn't define __round__ method`);
  const number = numberOf(value);
  if (method !== 'common' || digits <= 0) {
    const result = change(number * 10 ** digits) / 10 ** digits;
    return value instanceof Float || method !== 'common' ? new Float(result) : result;
  }
  const sign = number < 0 ? -1 : 1;
  return value instanceof Float ? new Float(sign * Number(fixedText(sign * number, digits))) : number;
}

function indent(value: Value, given: Given): Value {
  const bound = bind(given, ['width', 'first', 'blank']);
  const by = indentText('indent', bound.get('width') ?? 4);
  const text = `${textArgument('indent', value)}\n`;
  const [first = '', ...lines] = splitLines(text);
  const rest = lines.map((line) => (line !== '' || isTrue(bound.get('blank')) ? by + line : line));
  return (isTrue(bound.get('first')) ? by : '') + [first, ...rest].join('\n');
}

/** Unlike `str.title`, Jinja's filter begins words only after white space, hyphens and opening brackets. */
function titled(text: string): string {
  return text
    .split(/([-\s({[<]+)/)
    .filter((word) => word !== '')
    .map((word) => {
      const [first = '', ...rest] = word;
      return first.toUpperCase() + rest.join('').toLowerCase();
    })
    .join('');
}

function byDefault(value: Value, given: Given): Value {
  const bound = bind(given, ['default_value', 'boolean']);
  const missing = value === undefined || (isTrue(bound.get('boolean')) && !isTrue(value));
  return missing ? (bound.has('default_value') ? bound.get('default_value') : '') : value;
}

const length = plain(lengthOf);

const table: Readonly<Record<string, Filter>> = {
  abs: plain((value) => {
    if (value instanceof Float) return new Float(Math.abs(value.value));
    if (isNumeric(value)) return Math.abs(numberOf(value));
    throw new TemplateError(`bad operand type for abs(): '${typeName(value)}'`);
  }),
  attr: (value, given) => attributeOf(value, bind(given, ['name']).get('name')),
  batch,
  capitalize: plain((value) => capitalize(textOf(value))),
  count: length,
  d: byDefault,
  default: byDefault,
  dictsort,
  e: plain(escaped),
  escape: plain(escaped),
  first: plain((value) => (value instanceof Lazy ? value.next() : itemsOf(value))[0]),
  float: toFloat,
  forceescape: plain((value) => escaped(plainOf(value))),
  format: (value, { name, args, keywords }) => {
    if (args.length > 0 && keywords.size > 0) throw new TemplateError(`${name} takes either places or names`);
    return formatPercent(textOf(value), args.length > 0 ? new Tuple(args) : new Map(keywords));
  },
  indent,
  int: toInt,
  items: plain((value) => {
    if (value === undefined) return generator(() => []);
    if (isDict(value)) return generator(() => [...value].map((pair) => new Tuple(pair)));
    throw new TemplateError('Can only get item pairs from a mapping.');
  }),
  join,
  last: plain((value) => {
    if (value instanceof Lazy && !value.isView) throw new TemplateError('a generator is not reversible');
    return itemsOf(value).at(-1);
  }),
  length,
  list: plain((value) => [...itemsOf(value)]),
  lower: plain((value) => textOf(value).toLowerCase()),
  map,
  max: extreme(1),
  min: extreme(-1),
  reject: filterItems(false, false),
  rejectattr: filterItems(false, true),
  replace: (value, given) => {
    const bound = bind(given, ['old', 'new', 'count']);
    const [old = '', by = ''] = ['old', 'new'].map((name) => textOf(bound.get(name)));
    return replace(textOf(value), old, by, integerArgument('replace', bound.get('count') ?? -1));
  },
  reverse: plain((value) => {
    const reversed = () => [...itemsOf(value)].reverse();
    return typeof plainOf(value) === 'string' ? reversed().join('') : generator(reversed);
  }),
  round,
  safe: plain((value) => new Markup(textOf(value))),
  select: filterItems(true, false),
  selectattr: filterItems(true, true),
  sort,
  string: plain((value) => (value instanceof Markup ? value : textOf(value))),
  sum,
  title: plain((value) => titled(textOf(value))),
  tojson: toJson,
  trim: (value, given) =>
    strip(textOf(value), optionalText('trim', bind(given, ['chars']).get('chars')), 'both'),
  unique,
  upper: plain((value) => textOf(value).toUpperCase()),
  wordcount: plain((value) => textOf(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
};

/** Filters that treat markup differently from text. */
const TAKE_MARKUP: ReadonlySet<string> = new Set(['e', 'escape', 'forceescape', 'safe', 'string']);
/** Filters that make markup from markup. */
const KEEP_MARKUP: ReadonlySet<string> = new Set([
  'trim',
  'upper',
  'lower',
  'capitalize',
  'title',
  'default',
  'd',
]);

export const filters: ReadonlyMap<string, Filter> = new Map(Object.entries(table));

export function applyFilter(value: Value, given: Given): Value {
  const filter = filters.get(given.name);
  if (filter === undefined) throw new TemplateError(`no filter named '${given.name}'`);
  if (!(value instanceof Markup) || TAKE_MARKUP.has(given.name)) return filter(value, given);
  const changed = filter(value.text, given);
  return KEEP_MARKUP.has(given.name) && typeof changed === 'string' ? new Markup(changed) : changed;
}
