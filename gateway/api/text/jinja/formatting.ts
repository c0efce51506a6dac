// Python's formatting of text: the operator `%`, the filter `format`, and the method `str.format`.
import {
  Float,
  floatText,
  integerText,
  isDict,
  isNumeric,
  numberOf,
  representation,
  TemplateError,
  Tuple,
  textOf,
  typeName,
  type Value,
} from './values.ts';

/** Widest result of one value. A wider one raises an error, because a template must not fill the memory. */
const WIDEST = 10_000;

const PERCENT = /%(?:\(([^)]*)\))?([-+ #0]*)(\d*)(?:\.(\d*))?([\s\S]?)/g;

interface Spec {
  flags: string;
  width: number;
  precision: number | undefined;
}

/** Python's `text % values`. */
export function formatPercent(text: string, values: Value): string {
  const given = values instanceof Tuple ? values.items : [values];
  let next = 0;
  const formatted = text.replace(
    PERCENT,
    (_, key?: string, flags = '', width = '', precision?: string, type = '') => {
      if (type === '%') return '%';
      const convert = conversions.get(type);
      if (convert === undefined) throw new TemplateError(`unsupported format character '${type}'`);
      let value: Value;
      if (key !== undefined) {
        if (!isDict(values)) throw new TemplateError('format requires a mapping');
        if (!values.has(key)) throw new TemplateError(`the format's key '${key}' is missing`);
        value = values.get(key);
      } else {
        if (next >= given.length) throw new TemplateError('not enough arguments for format string');
        value = given[next++];
      }
      return convert(value, {
        flags,
        width: widthOf(width),
        precision: precision === undefined ? undefined : Number(precision),
      });
    },
  );
  if (next < given.length && !isDict(values)) {
    throw new TemplateError('not all arguments converted during string formatting');
  }
  return formatted;
}

type Conversion = (value: Value, spec: Spec) => string;

const asText =
  (write: (value: Value) => string): Conversion =>
  (value, { flags, width, precision }) => {
    const text = [...write(value)].slice(0, precision).join('');
    return flags.includes('-') ? text.padEnd(width) : text.padStart(width);
  };

/** `digits` writes a number that is not negative. `change` is applied first. */
const asNumber =
  (
    digits: (value: number, precision: number | undefined) => string,
    change: (value: number) => number = (value) => value,
  ): Conversion =>
  (value, { flags, width, precision }) => {
    if (!isNumeric(value)) throw new TemplateError(`a real number is required, not ${typeName(value)}`);
    const number = change(numberOf(value));
    const sign =
      number < 0 || Object.is(number, -0) ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
    const text = digits(Math.abs(number), precision);
    if (flags.includes('-')) return (sign + text).padEnd(width);
    return flags.includes('0')
      ? sign + text.padStart(width - sign.length, '0')
      : (sign + text).padStart(width);
  };

const whole = (radix: number) =>
  asNumber(
    (value, precision = 0) => BigInt(value).toString(radix).padStart(precision, '0'),
    // Adding 0 turns -0 into 0.
    (value) => Math.trunc(value) + 0,
  );
const fixed = asNumber((value, precision = 6) => fixedText(value, precision));

const conversions: ReadonlyMap<string, Conversion> = new Map([
  ['s', asText(textOf)],
  ['r', asText(representation)],
  ['d', whole(10)],
  ['i', whole(10)],
  ['u', whole(10)],
  ['x', whole(16)],
  ['o', whole(8)],
  ['f', fixed],
  ['F', fixed],
]);

/** Most digits that JavaScript writes after the point, which are those of the exact value. */
const MOST_DIGITS = 100;

/** The value, which is not negative, with `digits` digits after the point. Of two numbers that are equally near, the even one. */
export function fixedText(value: number, digits: number): string {
  if (digits >= MOST_DIGITS || value >= 1e21)
    throw new TemplateError('the number has too many digits to be formatted');
  const exact = value.toFixed(MOST_DIGITS);
  const end = exact.length - MOST_DIGITS + digits;
  const isTie = /^50*$/.test(exact.slice(end));
  const below = digits === 0 ? exact.slice(0, end - 1) : exact.slice(0, end);
  // JavaScript takes the larger number.
  return isTie && /[02468]$/.test(below) ? below : value.toFixed(digits);
}

function widthOf(digits: string): number {
  const width = Number(digits);
  if (width > WIDEST) throw new TemplateError(`the width ${digits} is larger than ${WIDEST}`);
  return width;
}

const BRACES = /\{\{|\}\}|\{([^{}!:]*)(?:!([rs]))?(?::([^{}]*))?\}|[{}]/g;
const SPEC = /^(?:(.)?([<>^]))?([+ ])?(0)?(\d*)(?:\.(\d+))?([sdfx])?$/u;

/** Python's `text.format(…)`. Fields are numbers, names or empty; paths such as `{a.b}` are not supported. */
export function formatBraces(
  text: string,
  args: readonly Value[],
  keywords: ReadonlyMap<string, Value>,
): string {
  let next = 0;
  return text.replace(BRACES, (found, field?: string, conversion?: string, spec = '') => {
    if (found === '{{' || found === '}}') return found.charAt(0);
    if (field === undefined) throw new TemplateError(`single '${found}' in format string`);
    const place = field === '' ? next++ : /^\d+$/.test(field) ? Number(field) : undefined;
    if (place === undefined && !keywords.has(field))
      throw new TemplateError(`format() has no field '${field}'`);
    if (place !== undefined && place >= args.length) {
      throw new TemplateError(`format() has no value for field ${place}`);
    }
    const value = place === undefined ? keywords.get(field) : args[place];
    return aligned(conversion === 'r' ? representation(value) : value, spec);
  });
}

function aligned(value: Value, spec: string): string {
  if (spec === '') return textOf(value);
  const [found, fill, side, sign = '', zero, width = '', precision, type] = SPEC.exec(spec) ?? [];
  if (found === undefined) throw new TemplateError(`the format '${spec}' is not supported`);
  const isNumber = isNumeric(value) && typeof value !== 'boolean';
  const convert = type === undefined ? unnamed(value, precision) : conversions.get(type);
  if (convert === undefined || isNumber !== (type !== 's' && convert !== conversions.get('s'))) {
    throw new TemplateError(`the format '${spec}' cannot write a ${typeName(value)}`);
  }
  const wide = widthOf(width);
  const isFilledInside = isNumber && zero !== undefined && side === undefined;
  const text = convert(value, {
    flags: sign + (isFilledInside ? '0' : ''),
    width: isFilledInside ? wide : 0,
    precision: precision === undefined ? undefined : Number(precision),
  });
  const missing = Math.max(0, wide - [...text].length);
  const before = { '<': 0, '>': missing, '^': missing >> 1 }[side ?? (isNumber ? '>' : '<')] ?? 0;
  const filling = fill ?? (zero === undefined ? ' ' : '0');
  return filling.repeat(before) + text + filling.repeat(missing - before);
}

/** The conversion of a format that names none. */
function unnamed(value: Value, precision: string | undefined): Conversion | undefined {
  if (!isNumeric(value) || typeof value === 'boolean') return conversions.get('s');
  // Python writes the shortest digits, of which a precision would count the significant ones.
  return precision === undefined
    ? asNumber((size) => (value instanceof Float ? floatText(size) : integerText(size)))
    : undefined;
}
