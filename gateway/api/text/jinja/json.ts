// The filter `tojson`: Python's `json.dumps`, as transformers sets it up.
import { bind, type Given, indentText, textArgument } from './arguments.ts';
import {
  Float,
  floatText,
  integerText,
  isDict,
  isTrue,
  plainOf,
  sequenceOf,
  TemplateError,
  typeName,
  type Value,
} from './values.ts';

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
function json(given: Value, options: JsonOptions, outer = ''): string {
  const value = plainOf(given);
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

export function toJson(value: Value, given: Given): Value {
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
