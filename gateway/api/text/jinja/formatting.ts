// Python's formatting of text: the operator `%`, the filter `format`, and the method `str.format`.
import {
  Float,
  floatText,
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

/** `digits` writes a number that is not negative. */
const asNumber =
  (digits: (value: number, precision: number | undefined) => string): Conversion =>
  (value, { flags, width, precision }) => {
    if (!isNumeric(value)) throw new TemplateError(`a real number is required, not ${typeName(value)}`);
    const number = numberOf(value);
    const sign =
      number < 0 || Object.is(number, -0) ? '-' : flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
    const text = digits(Math.abs(number), precision);
    if (flags.includes('-')) return (sign + text).padEnd(width);
    return flags.includes('0')
      ? sign + text.padStart(width - sign.length, '0')
      : (sign + text).padStart(width);
  };

const whole = (radix: number) =>
  asNumber((value, precision = 0) => BigInt(Math.trunc(value)).toString(radix).padStart(precision, '0'));
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

/** JavaScript rounds as Python does, but writes 1e21 and more with an exponent. */
function fixedText(value: number, precision: number): string {
  if (precision > 100 || value >= 1e21)
    throw new TemplateError('the number has too many digits to be formatted');
  return value.toFixed(precision);
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
  const [found, fill = ' ', side, sign = '', zero, width = '', precision, type] = SPEC.exec(spec) ?? [];
  if (found === undefined) throw new TemplateError(`the format '${spec}' is not supported`);
  const isNumber = isNumeric(value) && type !== 's' && typeof value !== 'boolean';
  const kind = type ?? (!isNumber ? 's' : precision === undefined ? undefined : 'f');
  const convert = kind === undefined ? undefined : conversions.get(kind);
  const flags = sign + (zero ?? '');
  const wide = widthOf(width);
  const inner = side === undefined && zero !== undefined ? wide : 0;
  const text =
    convert === undefined
      ? value instanceof Float
        ? floatText(value.value)
        : textOf(value)
      : convert(value, {
          flags,
          width: inner,
          precision: precision === undefined ? undefined : Number(precision),
        });
  const missing = Math.max(0, wide - [...text].length);
  const before = { '<': 0, '>': missing, '^': missing >> 1 }[side ?? (isNumber ? '>' : '<')] ?? 0;
  return fill.repeat(before) + text + fill.repeat(missing - before);
}
