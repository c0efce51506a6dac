// Methods of Python's str, dict, list and tuple that a template may call, with one table for each type (tuples use the table of
// lists). Methods that change a value are missing. In the sandbox of Hugging Face's templates, calling one raises an
// error.
import { bind, type Given, integerArgument, optionalText, plain, textArgument } from './arguments.ts';
import { formatBraces } from './formatting.ts';
import {
  capitalize,
  isCased,
  onlySpace,
  replace,
  rsplit,
  type Side,
  split,
  splitLines,
  strip,
  title,
} from './python-text.ts';
import {
  type Dict,
  isDict,
  isEqual,
  itemsOf,
  Lazy,
  sequenceOf,
  TemplateError,
  Tuple,
  type Value,
} from './values.ts';

type Method<Self> = (self: Self, given: Given) => Value;

function stripMethod(side: Side): Method<string> {
  return (text, given) => {
    return strip(text, optionalText(given.name, bind(given, ['chars']).get('chars')), side);
  };
}

function splitMethod(cut: typeof split): Method<string> {
  return (text, given) => {
    const bound = bind(given, ['sep', 'maxsplit']);
    const most = integerArgument(given.name, bound.get('maxsplit') ?? -1);
    return cut(text, optionalText(given.name, bound.get('sep')), most);
  };
}

function affixMethod(has: (text: string, affix: string) => boolean): Method<string> {
  return (text, given) => {
    const affix = bind(given, ['affix']).get('affix');
    const any = affix instanceof Tuple ? affix.items : [affix];
    return any.some((each) => has(text, textArgument(given.name, each)));
  };
}

/** Index of `sub` in characters, or -1. JavaScript would return an index in code units. */
function find(text: string, given: Given, search: 'indexOf' | 'lastIndexOf'): number {
  const bound = bind(given, ['sub', 'start', 'end']);
  const sub = [...textArgument(given.name, bound.get('sub'))].join('');
  const chars = [...text];
  const from = place(bound.get('start') ?? 0, chars.length, given.name);
  const to = place(bound.get('end') ?? chars.length, chars.length, given.name);
  const part = chars.slice(from, to).join('');
  const at = part[search](sub);
  return at < 0 || from > to ? -1 : from + [...part.slice(0, at)].length;
}

/** The index that a slice bound means. Negative bounds count from the end. */
function place(value: Value, length: number, name: string): number {
  const at = integerArgument(name, value);
  return at < 0 ? Math.max(0, length + at) : Math.min(at, length);
}

function matches(pattern: RegExp): Method<string> {
  return plain((text) => pattern.test(text));
}

function pad(side: 'start' | 'end' | 'both'): Method<string> {
  return (text, given) => {
    const bound = bind(given, ['width', 'fillchar']);
    const missing = integerArgument(given.name, bound.get('width')) - [...text].length;
    if (missing <= 0) return text;
    const fill = textArgument(given.name, bound.get('fillchar') ?? ' ');
    const width = [...text].length + missing;
    const before = side === 'start' ? missing : side === 'end' ? 0 : (missing >> 1) + (missing & width & 1);
    return fill.repeat(before) + text + fill.repeat(missing - before);
  };
}

function partition(side: 'first' | 'last'): Method<string> {
  return (text, given) => {
    const separator = textArgument(given.name, bind(given, ['sep']).get('sep'));
    if (separator === '') throw new TemplateError('empty separator');
    const at = side === 'first' ? text.indexOf(separator) : text.lastIndexOf(separator);
    if (at < 0) return new Tuple(side === 'first' ? [text, '', ''] : ['', '', text]);
    return new Tuple([text.slice(0, at), separator, text.slice(at + separator.length)]);
  };
}

type Methods<Self> = ReadonlyMap<string, Method<Self>>;

const textMethods: Methods<string> = table({
  upper: plain((text) => text.toUpperCase()),
  lower: plain((text) => text.toLowerCase()),
  title: plain(title),
  capitalize: plain(capitalize),
  strip: stripMethod('both'),
  lstrip: stripMethod('left'),
  rstrip: stripMethod('right'),
  split: splitMethod(split),
  rsplit: splitMethod(rsplit),
  splitlines: (text, given) => splitLines(text, bind(given, ['keepends']).get('keepends') === true),
  replace: (text, given) => {
    const bound = bind(given, ['old', 'new', 'count']);
    const [old, by] = ['old', 'new'].map((name) => textArgument(given.name, bound.get(name)));
    return replace(text, old ?? '', by ?? '', integerArgument(given.name, bound.get('count') ?? -1));
  },
  startswith: affixMethod((text, affix) => text.startsWith(affix)),
  endswith: affixMethod((text, affix) => text.endsWith(affix)),
  removeprefix: (text, given) => {
    const affix = textArgument(given.name, bind(given, ['prefix']).get('prefix'));
    return text.startsWith(affix) ? text.slice(affix.length) : text;
  },
  removesuffix: (text, given) => {
    const affix = textArgument(given.name, bind(given, ['suffix']).get('suffix'));
    return affix !== '' && text.endsWith(affix) ? text.slice(0, -affix.length) : text;
  },
  join: (text, given) => {
    const items = itemsOf(bind(given, ['iterable']).get('iterable'));
    return items.map((item) => textArgument(given.name, item)).join(text);
  },
  find: (text, given) => find(text, given, 'indexOf'),
  rfind: (text, given) => find(text, given, 'lastIndexOf'),
  index: (text, given) => {
    const at = find(text, given, 'indexOf');
    if (at < 0) throw new TemplateError('substring not found');
    return at;
  },
  count: (text, given) => {
    const sub = textArgument(given.name, bind(given, ['sub']).get('sub'));
    return sub === '' ? [...text].length + 1 : text.split(sub).length - 1;
  },
  partition: partition('first'),
  rpartition: partition('last'),
  format: (text, { args, keywords }) => formatBraces(text, args, keywords),
  isdigit: matches(/^[\p{Nd}²³¹⁰⁴-⁹₀-₉]+$/u),
  isdecimal: matches(/^\p{Nd}+$/u),
  isnumeric: matches(/^\p{N}+$/u),
  isalpha: matches(/^\p{L}+$/u),
  isalnum: matches(/^[\p{L}\p{N}]+$/u),
  isspace: matches(onlySpace),
  islower: plain((text) => isCased(text, 'toLowerCase')),
  isupper: plain((text) => isCased(text, 'toUpperCase')),
  ljust: pad('end'),
  rjust: pad('start'),
  center: pad('both'),
  zfill: (text, given) => {
    const width = integerArgument(given.name, bind(given, ['width']).get('width'));
    const sign = /^[+-]/.exec(text)?.[0] ?? '';
    return sign + text.slice(sign.length).padStart(width - sign.length, '0');
  },
});

const dictMethods: Methods<Dict> = table({
  get: (dict, given) => {
    const bound = bind(given, ['key', 'default']);
    const key = bound.get('key');
    return dict.has(key) ? dict.get(key) : (bound.get('default') ?? null);
  },
  items: plain((dict) => new Lazy('dict_items', () => [...dict].map((pair) => new Tuple(pair)))),
  keys: plain((dict) => new Lazy('dict_keys', () => [...dict.keys()])),
  values: plain((dict) => new Lazy('dict_values', () => [...dict.values()])),
  copy: plain((dict) => new Map(dict)),
});

const listMethods: Methods<readonly Value[]> = table({
  index: (list, given) => {
    const value = bind(given, ['value']).get('value');
    const at = list.findIndex((item) => isEqual(item, value));
    if (at < 0) throw new TemplateError('the value is not in the list');
    return at;
  },
  count: (list, given) => {
    const value = bind(given, ['value']).get('value');
    return list.filter((item) => isEqual(item, value)).length;
  },
  copy: plain((list) => [...list]),
});

function table<Self>(methods: Record<string, Method<Self>>): Methods<Self> {
  return new Map(Object.entries(methods));
}

/** Whether values of some type have a method of this name. */
export function isMethod(name: string): boolean {
  return [textMethods, dictMethods, listMethods].some((methods) => methods.has(name));
}

/** The method `name`, bound to `value`. Undefined if values of this type have no such method. */
export function methodOf(value: Value, name: string): Value {
  if (typeof value === 'string') return bound(textMethods, value, name);
  if (isDict(value)) return bound(dictMethods, value, name);
  const items = sequenceOf(value);
  return items === undefined ? undefined : bound(listMethods, items, name);
}

function bound<Self>(methods: Methods<Self>, self: Self, name: string): Value {
  const method = methods.get(name);
  return method && ((args, keywords) => method(self, { name: `${name}()`, args, keywords }));
}
