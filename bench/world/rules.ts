// Decides whether an answer to a task of train/world/tasks.json is right. Pure.
import { Ajv } from 'ajv';

/** What a task demands of the answer. All checks of a task must pass. */
export type Check =
  /** The first of `text` and `others` in the answer is `text`. */
  | { rule: 'first'; text: string; others: readonly string[] }
  | { rule: 'mentions'; text: string }
  | { rule: 'begins'; text: string }
  /** The last number of the answer, in digits or in words, is `value`. */
  | { rule: 'number'; value: number }
  | { rule: 'sentences'; count: number }
  /** At least `least` lines, each an item of a list. */
  | { rule: 'list'; least: number }
  | { rule: 'shorter'; characters: number }
  | { rule: 'json'; schema: object; value: unknown }
  | { rule: 'call'; name: string; arguments: object };

export interface Task {
  id: string;
  kind: string;
  messages: object[];
  tools?: object[];
  checks: Check[];
  /** An answer that the world itself gives; empty for calls. */
  reference: string;
}

export interface Answer {
  content: string;
  calls: readonly { name: string; arguments: string }[];
}

type Rules = { [Rule in Check['rule']]: (check: Extract<Check, { rule: Rule }>, answer: Answer) => boolean };

const ajv = new Ajv();

const rules: Rules = {
  first: ({ text, others }, { content }) => {
    const at = place(content, text);
    return at >= 0 && others.every((other) => place(content, other) < 0 || place(content, other) > at);
  },
  mentions: ({ text }, { content }) => place(content, text) >= 0,
  begins: ({ text }, { content }) => place(content.trim(), text) === 0,
  number: ({ value }, { content }) => numbersIn(content).at(-1) === value,
  sentences: ({ count }, { content }) => sentencesIn(content) === count && /[.!?]["']?$/.test(content.trim()),
  list: ({ least }, { content }) => {
    const lines = content.trim().split('\n');
    return lines.length >= least && lines.every((line) => /^\s*([-*•]|\d+[.)])\s+\S/.test(line));
  },
  shorter: ({ characters }, { content }) => {
    const text = content.trim();
    return text.length > 0 && text.length <= characters && /[.!?]["']?$/.test(text);
  },
  json: ({ schema, value }, { content }) => {
    const found = parsed(content);
    return found !== undefined && ajv.validate(schema, found) && same(found, value);
  },
  call: ({ name, arguments: expected }, { calls }) =>
    calls.length === 1 && calls[0]?.name === name && same(parsed(calls[0].arguments), expected),
};

/** The checks that the answer fails. */
export function failed(task: Task, answer: Answer): Check[] {
  return task.checks.filter((check) => {
    const rule = rules[check.rule] as ((check: Check, answer: Answer) => boolean) | undefined;
    if (rule === undefined) throw new Error(`task ${task.id}: unknown rule ${check.rule}`);
    return !rule(check, answer);
  });
}

/** Index of `words` as whole words, whatever their case; an ending -s or -es is allowed. -1 if they are missing. */
function place(text: string, words: string): number {
  const escaped = words.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return text.search(new RegExp(`(?<![\\p{L}\\d])${escaped}(e?s)?(?![\\p{L}\\d])`, 'iu'));
}

function sentencesIn(text: string): number {
  return text.trim().match(/[.!?]["']?(?=\s|$)/g)?.length ?? 0;
}

/** `undefined` if the text is not JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether two JSON values are equal. The order of keys does not matter. */
function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, each]) => [key, sorted(each)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

const ONES =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const TENS = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');
const NUMBER = new RegExp(
  `(?<![\\w-])(\\d+|one hundred|(?:${TENS.join('|')})(?:-(?:${ONES.slice(1, 10).join('|')}))?|${ONES.join('|')})(?![\\w-])`,
  'gi',
);

/** Numbers of a text in digits or English words up to one hundred, in order. */
export function numbersIn(text: string): number[] {
  return Array.from(text.matchAll(NUMBER), ([word]) => numberOf(word.toLowerCase()));
}

function numberOf(word: string): number {
  if (/^\d/.test(word)) return Number(word);
  if (word === 'one hundred') return 100;
  const [first = '', second] = word.split('-');
  const ten = TENS.indexOf(first);
  return ten < 0 ? ONES.indexOf(first) : (ten + 2) * 10 + (second === undefined ? 0 : ONES.indexOf(second));
}
