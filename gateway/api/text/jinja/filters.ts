// The supported filters of Jinja, with Python's semantics. A template that uses another filter is refused when it is loaded.
import { bind, type Given, integerArgument, optionalText, plain, textArgument } from './arguments.ts';
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
import { capitalize, replace, splitLines, strip } from './python-text.ts';
import {
  Float,
  floatText,
  integerText,
  isDict,
  isNumeric,
  isTrue,
  itemsOf,
  numberOf,
  sequenceOf,
  TemplateError,
  Tuple,
  textOf,
  typeName,
  type Value,
} from './values.ts';

function lengthOf(value: Value): number {
  if (value === undefined) return 0;
  if (typeof value === 'string') return [...value].length;
  if (isDict(value)) return value.size;
  const items = sequenceOf(value);
  if (items !== undefined) return items.length;
  throw new TemplateError(`object of type '${typeName(value)}' has no len()`);
}

function map(value: Value, { name, args, keywords }: Given): Value {
  if (args.length === 0) {
    const bound = bind({ name, args, keywords }, ['attribute', 'default']);
    return itemsOf(value).map((item) => {
      const own = attributeOf(item, bound.get('attribute'));
      return own === undefined ? bound.get('default') : own;
    });
  }
  const [filter, ...rest] = args;
  const called = textArgument(name, filter);
  return itemsOf(value).map((item) => applyFilter(item, { name: called, args: rest, keywords }));
}

interface JsonOptions {
  ensureAscii: boolean;
  /** Text that each level of depth adds at the start of a line. Null: everything is on one line. */
  indent: string | null;
  /** The texts between two items, and between a key and its value. */
  separators: readonly [item: string, key: string];
  sortKeys: boolean;
}

/**
 * Python's `json.dumps`. `outer` is the indent of the line on which the value begins. Throws for types that JSON does not have.
 */
function json(value: Value, options: JsonOptions, outer = ''): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return integerText(value);
  if (value instanceof Float) return jsonFloat(value.value);
  if (typeof value === 'string') return jsonText(value, options);
  const { indent, separators } = options;
  const inner = indent === null ? '' : outer + indent;
  const around = (open: string, items: string[], close: string) => {
    if (items.length === 0) return open + close;
    if (indent === null) return open + items.join(separators[0]) + close;
    return `${open}\n${inner}${items.join(`${separators[0]}\n${inner}`)}\n${outer}${close}`;
  };
  if (isDict(value)) {
    const entries = [...value].map(([key, item]) => [keyText(key), item] as const);
    if (options.sortKeys) entries.sort(([a], [b]) => (a < b ? -1 : 1));
    const items = entries.map(
      ([key, item]) => jsonText(key, options) + separators[1] + json(item, options, inner),
    );
    return around('{', items, '}');
  }
  const items = sequenceOf(value);
  if (items === undefined) {
    throw new TemplateError(`Object of type ${typeName(value)} is not JSON serializable`);
  }
  const texts = items.map((item) => json(item, options, inner));
  return around('[', texts, ']');
}

function jsonFloat(value: number): string {
  if (Number.isFinite(value)) return floatText(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity';
}

function keyText(key: Value): string {
  if (typeof key === 'string') return key;
  if (key === null || typeof key === 'boolean' || typeof key === 'number') return String(key);
  if (key instanceof Float) return jsonFloat(key.value);
  throw new TemplateError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

function jsonText(text: string, { ensureAscii }: JsonOptions): string {
  const written = JSON.stringify(text);
  if (!ensureAscii) return written;
  return written.replace(
    /[\x7f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function toJson(value: Value, given: Given): Value {
  const bound = bind(given, ['ensure_ascii', 'indent', 'separators', 'sort_keys']);
  const indent = bound.get('indent') ?? null;
  const separators = sequenceOf(bound.get('separators'));
  return json(value, {
    ensureAscii: isTrue(bound.get('ensure_ascii')),
    indent: indent === null ? null : indentText('tojson', indent),
    separators:
      separators === undefined
        ? [indent === null ? ', ' : ',', ': ']
        : [textArgument('tojson', separators[0]), textArgument('tojson', separators[1])],
    sortKeys: isTrue(bound.get('sort_keys')),
  });
}

/** An indent is a text or a number of spaces. */
function indentText(name: string, indent: Value): string {
  return typeof indent === 'string' ? indent : ' '.repeat(Math.max(0, integerArgument(name, indent)));
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

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};
const escapeHtml = plain<Value>((value) =>
  textOf(value).replace(/[&<>'"]/g, (char) => ENTITIES[char] ?? char),
);
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
  e: escapeHtml,
  escape: escapeHtml,
  first: plain((value) => itemsOf(value)[0]),
  float: toFloat,
  forceescape: escapeHtml,
  indent,
  int: toInt,
  items: plain((value) => {
    if (value === undefined) return [];
    if (isDict(value)) return [...value].map((pair) => new Tuple(pair));
    throw new TemplateError('Can only get item pairs from a mapping.');
  }),
  join,
  last: plain((value) => itemsOf(value).at(-1)),
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
    const items = [...itemsOf(value)].reverse();
    return typeof value === 'string' ? items.join('') : items;
  }),
  safe: plain((value) => value),
  select: filterItems(true, false),
  selectattr: filterItems(true, true),
  sort,
  string: plain(textOf),
  sum,
  title: plain((value) => titled(textOf(value))),
  tojson: toJson,
  trim: (value, given) =>
    strip(textOf(value), optionalText('trim', bind(given, ['chars']).get('chars')), 'both'),
  unique,
  upper: plain((value) => textOf(value).toUpperCase()),
  wordcount: plain((value) => textOf(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0),
};

export const filters: ReadonlyMap<string, Filter> = new Map(Object.entries(table));

export function applyFilter(value: Value, given: Given): Value {
  const filter = filters.get(given.name);
  if (filter === undefined) throw new TemplateError(`no filter named '${given.name}'`);
  return filter(value, given);
}
