// Python's values in JavaScript, with the parts of Python's semantics that chat templates need: conversion, truth, equality, order
// and text.

/** A JavaScript number is Python's int, and a `Float` is its float. `undefined` is Jinja's Undefined, and `null` is None. */
export type Value =
  | undefined
  | null
  | boolean
  | number
  | string
  | Float
  | Value[]
  | Tuple
  | Lazy
  | Markup
  | Dict
  | Fields
  | Callable;

export type Dict = Map<Value, Value>;
export type Callable = (args: readonly Value[], keywords: ReadonlyMap<string, Value>) => Value;

export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

export class Tuple {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

/**
 * A text that is safe in HTML: the result of the filters `safe` and `escape`. Added to another text, it escapes that text, although
 * templates of prompts are not HTML.
 */
export class Markup {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** Items without indexes: a generator, whose items can be taken once, or a view of a dict. */
export class Lazy {
  readonly kind: 'generator' | 'dict_keys' | 'dict_values' | 'dict_items';
  readonly #make: () => readonly Value[];
  #left: Value[] | undefined;

  /** `make` is called when the first item is taken. */
  constructor(kind: Lazy['kind'], make: () => readonly Value[]) {
    this.kind = kind;
    this.#make = make;
  }

  get isView(): boolean {
    return this.kind !== 'generator';
  }

  /** All items, or those that are left of a generator. */
  all(): readonly Value[] {
    if (this.isView) return this.#make();
    const items = this.#left ?? this.#make();
    this.#left = [];
    return items;
  }

  /** Takes the items up to the first one that `wanted` accepts, and returns that one in a list. */
  next(wanted: (item: Value) => boolean = () => true): readonly Value[] {
    const items = [...this.all()];
    const at = items.findIndex(wanted);
    if (!this.isView) this.#left = at < 0 ? [] : items.slice(at + 1);
    return at < 0 ? [] : [items[at]];
  }
}

export function generator(make: () => readonly Value[]): Lazy {
  return new Lazy('generator', make);
}

/** A markup as the text that it is. Other values are unchanged. */
export function plainOf(value: Value): Exclude<Value, Markup> {
  return value instanceof Markup ? value.text : value;
}

/** An object with attributes but no items: a namespace, or the `loop` of a for statement. */
export class Fields {
  readonly kind: 'namespace' | 'loop';
  readonly fields: Map<string, Value>;
  constructor(kind: 'namespace' | 'loop', fields: Map<string, Value>) {
    this.kind = kind;
    this.fields = fields;
  }
}

/** An error that Python would raise while a template is rendered. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

export function isDict(value: Value): value is Dict {
  return value instanceof Map;
}

export function isNumeric(value: Value): value is number | boolean | Float {
  return typeof value === 'number' || typeof value === 'boolean' || value instanceof Float;
}

export function numberOf(value: number | boolean | Float): number {
  return value instanceof Float ? value.value : Number(value);
}

/** Converts JSON data. A field that is undefined is left out. */
export function toValue(input: unknown): Value {
  if (input === null || input === undefined || typeof input === 'string' || typeof input === 'boolean')
    return input;
  if (typeof input === 'number') {
    // Python's json.loads makes a float of a number with an exponent. JavaScript writes an exponent for 1e21 and more.
    return Number.isInteger(input) && Math.abs(input) < 1e21 ? input : new Float(input);
  }
  if (Array.isArray(input)) return input.map(toValue);
  if (typeof input !== 'object') throw new TypeError(`a template cannot be given a ${typeof input}`);
  const entries = Object.entries(input).filter(([, value]) => value !== undefined);
  return new Map(entries.map(([key, value]): [Value, Value] => [key, toValue(value)]));
}

/** The name of the type in Python's error messages. */
export function typeName(value: Value): string {
  if (value === undefined) return 'Undefined';
  if (value === null) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'int';
  if (typeof value === 'string') return 'str';
  if (value instanceof Float) return 'float';
  if (Array.isArray(value)) return 'list';
  if (value instanceof Tuple) return 'tuple';
  if (value instanceof Markup) return 'Markup';
  if (value instanceof Lazy) return value.kind;
  if (value instanceof Fields) return value.kind;
  return isDict(value) ? 'dict' : 'function';
}

export function isTrue(value: Value): boolean {
  if (value === undefined || value === null) return false;
  if (isNumeric(value)) return numberOf(value) !== 0;
  if (typeof value === 'string' || Array.isArray(value)) return value.length > 0;
  if (value instanceof Tuple) return value.items.length > 0;
  if (value instanceof Markup) return value.text.length > 0;
  if (value instanceof Lazy) return !value.isView || value.all().length > 0;
  return isDict(value) ? value.size > 0 : true;
}

export function isEqual(left: Value, right: Value): boolean {
  const [a, b] = [plainOf(left), plainOf(right)];
  if (isNumeric(a) && isNumeric(b)) return numberOf(a) === numberOf(b);
  if (Array.isArray(a) && Array.isArray(b)) return sameItems(a, b);
  if (a instanceof Tuple && b instanceof Tuple) return sameItems(a.items, b.items);
  if (isDict(a) && isDict(b)) {
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && isEqual(value, b.get(key)));
  }
  return a === b;
}

function sameItems(a: readonly Value[], b: readonly Value[]): boolean {
  return a.length === b.length && a.every((item, i) => isEqual(item, b[i]));
}

/** Negative, zero or positive if `a` is less than, equal to or greater than `b`. Throws for values without an order. */
export function compare(first: Value, second: Value): number {
  const [a, b] = [plainOf(first), plainOf(second)];
  if (isNumeric(a) && isNumeric(b)) return numberOf(a) - numberOf(b);
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  const [left, right] = [sequenceOf(a), sequenceOf(b)];
  if (left === undefined || right === undefined || typeName(a) !== typeName(b)) {
    throw new TemplateError(`'<' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
  }
  for (const [i, item] of left.entries()) {
    if (i >= right.length) return 1;
    if (!isEqual(item, right[i])) return compare(item, right[i]);
  }
  return left.length - right.length;
}

/** Sorts in Python's order. Equal items keep their order. */
export function sorted(items: readonly Value[], key: (item: Value) => Value, reverse: boolean): Value[] {
  const keyed = items.map((item) => ({ item, by: key(item) }));
  keyed.sort((a, b) => (reverse ? compare(b.by, a.by) : compare(a.by, b.by)));
  return keyed.map(({ item }) => item);
}

/** Compares code points as Python does. JavaScript's `<` would compare code units. */
function compareText(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (const [i, char] of left.entries()) {
    const difference = (char.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? -1);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** The items of a list or tuple. Undefined for other values. */
export function sequenceOf(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof Tuple ? value.items : undefined;
}

/**
 * The items over which a for statement runs: those of a list, tuple, generator or view, the keys of a dict, the characters of a text, and none for
 * Undefined. Throws for other values.
 */
export function itemsOf(iterable: Value): readonly Value[] {
  const value = plainOf(iterable);
  if (value === undefined) return [];
  if (value instanceof Lazy) return value.all();
  if (typeof value === 'string') return [...value];
  if (isDict(value)) return [...value.keys()];
  const items = sequenceOf(value);
  if (items === undefined) throw new TemplateError(`'${typeName(value)}' object is not iterable`);
  return items;
}

/** Python's `str()`. */
export function textOf(value: Value): string {
  if (value === undefined) return '';
  if (value instanceof Markup) return value.text;
  return typeof value === 'string' ? value : representation(value);
}

/** Python's `repr()`. */
export function representation(value: Value): string {
  if (value === undefined) return 'Undefined';
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return integerText(value);
  if (value instanceof Float) return floatText(value.value);
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return `[${value.map(representation).join(', ')}]`;
  if (value instanceof Tuple) {
    const items = value.items.map(representation);
    return items.length === 1 ? `(${items[0]},)` : `(${items.join(', ')})`;
  }
  if (isDict(value)) {
    return `{${[...value].map(([key, item]) => `${representation(key)}: ${representation(item)}`).join(', ')}}`;
  }
  if (value instanceof Markup) return `Markup(${quoted(value.text)})`;
  if (value instanceof Lazy && value.isView) return `${value.kind}(${representation([...value.all()])})`;
  throw new TemplateError(`a ${typeName(value)} cannot be written as text`);
}

/** Writes all digits. For large numbers, JavaScript would write an exponent. */
export function integerText(value: number): string {
  return Number.isSafeInteger(value) ? String(value) : BigInt(value).toString();
}

/** The shortest digits that stand for this value, in Python's notation. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  if (Object.is(value, -0)) return '-0.0';
  const [mantissa = '', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    return `${mantissa}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
  }
  const digits = mantissa.replace(/[-.]/g, '');
  const text = exponent < 0 ? value.toFixed(digits.length - 1 - exponent) : String(value);
  return text.includes('.') ? text : `${text}.0`;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\\': '\\\\',
};

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = Array.from(text, (char) => {
    if (char === quote) return `\\${char}`;
    const short = SHORT_ESCAPES[char];
    if (short !== undefined || char === ' ' || !/[\p{C}\p{Z}]/u.test(char)) return short ?? char;
    const code = (char.codePointAt(0) ?? 0).toString(16);
    if (code.length <= 2) return `\\x${code.padStart(2, '0')}`;
    return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\U${code.padStart(8, '0')}`;
  });
  return quote + escaped.join('') + quote;
}
