// The case suite that every syntax of tool calls passes. The core suite runs it with few random texts, the slow suite with many.
import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type CallModel,
  weatherArguments,
  weatherParameters,
} from '../../../../support/models/call-models.ts';
import { type OpenModel, openModel, read, stretchesOf } from './support.ts';

const fits = {
  weather: new Ajv2020().compile(weatherParameters),
  time: (value: unknown) => JSON.stringify(value) === '{}',
};
const weather = { name: 'weather', args: weatherArguments };
const time = { name: 'time', args: {} };

interface SuiteOptions {
  /** Whether the tags of the syntax are special tokens. */
  special: boolean;
  /** Multiplies the numbers of random texts. */
  effort: number;
}

/** Cuts a text into pieces of whole characters. */
const split = (text: string, cuts: readonly number[]): string[] => {
  const chars = [...text];
  const places = [0, ...cuts.map((cut) => cut % (chars.length + 1)).sort((a, b) => a - b), chars.length];
  return places.slice(1).map((place, i) => chars.slice(places[i], place).join(''));
};
const cuts = fc.array(fc.nat(500), { maxLength: 12 });
const parsed = ({ calls }: ReturnType<typeof read>) =>
  calls.map(({ name, json }) => ({ name, args: JSON.parse(json) }));

/** Describes the tests of one model. */
export function describeSyntax(model: CallModel, { special, effort }: SuiteOptions): void {
  describe(special ? model.name : `${model.name} without special tokens`, () => {
    const open: OpenModel = openModel(model, { special });
    const { rules } = open;
    const close = special ? '' : (model.close ?? '');
    const texts = [
      { text: model.weather + close, expected: [weather] },
      { text: model.time + close, expected: [time] },
      ...(model.both === undefined ? [] : [{ text: model.both, expected: [weather, time] }]),
    ];

    test('calls are read from whole text, from single characters, and however the text is split', () => {
      for (const { text, expected } of texts) {
        const whole = read([text], rules);
        expect(parsed(whole)).toEqual(expected);
        expect([whole.content, whole.reasoning, whole.withinCall]).toEqual(['', '', false]);
        expect(read([...text], rules)).toEqual(whole);
        fc.assert(
          fc.property(cuts, (places) => {
            expect(read(split(text, places), rules)).toEqual(whole);
          }),
          { seed: 5, numRuns: 5 * effort },
        );
      }
    });

    test('the grammar accepts the calls as the model writes them, alone and in free text', () => {
      for (const { text } of texts) {
        const isOpened = text.startsWith(rules.calls.syntax.opener ?? '\0');
        expect([text, open.accepts(open.spec(), text)]).toEqual([text, !isOpened]);
        expect([text, open.accepts(open.spec({ mode: 'auto' }), text)]).toEqual([text, true]);
      }
      // How many calls come does not depend on the tokens.
      if (model.both === undefined || (!special && effort === 1)) return;
      for (const mode of ['auto', 'required'] as const) {
        expect(open.accepts(open.spec({ mode, parallel: false }), model.weather)).toBe(true);
        expect(open.accepts(open.spec({ mode, parallel: false }), model.both)).toBe(false);
      }
    });

    test('the grammar refuses a call that breaks the schema, and other tools', () => {
      const spec = open.spec({ mode: 'auto' });
      const broken: [string, string][] = [
        ['2', '12'],
        ['days', 'dayz'],
        ['weather', 'whether'],
        ['metric', 'city'],
      ];
      for (const [from, to] of broken) {
        const text = model.weather.replace(from, to) + close;
        expect(text).not.toBe(model.weather + close);
        // A name that no tool has may be no call at all, as in `[link](…)`.
        const isText = read([text], rules).calls.length === 0;
        expect([text, isText || !open.accepts(spec, text)]).toEqual([text, true]);
        expect([text, open.accepts(open.spec(), text)]).toEqual([text, false]);
      }
    });

    test('what the grammar lets a model write is read as calls that satisfy their schemas', () => {
      const { marker, opener } = rules.calls.syntax;
      const free =
        marker !== '' && opener === undefined && (special || effort > 1)
          ? [{ mode: 'auto' as const, begun: `So. ${marker}` }]
          : [];
      let count = 0;
      for (const { mode, begun } of [{ mode: 'required' as const, begun: '' }, ...free]) {
        for (const seed of effort === 1 ? [1, 2] : [1, 2, 3]) {
          const { ids, finished } = open.write(open.spec({ mode, parallel: seed === 2 }), { seed, begun });
          if (!finished) continue;
          count++;
          const text = open.text(ids);
          const { calls, content } = read([text], rules);
          if (mode === 'required') expect([text, content]).toEqual([text, '']);
          expect([text, calls.length > 0]).toEqual([text, true]);
          for (const { name, json } of calls) {
            const isHeld = name === 'weather' ? fits.weather : fits.time;
            expect([text, name, json, isHeld(JSON.parse(json))]).toEqual([text, name, json, true]);
          }
        }
      }
      expect(count).toBeGreaterThan(0);
    });

    test('random arguments survive writing and reading, and the grammar accepts them', () => {
      const { syntax } = rules.calls;
      const word = fc.string({
        unit: fc.constantFrom('a', 'é', '"', "'", '\\', '\n', ' ', '<', '5', '{', '=', ')'),
        maxLength: 5,
      });
      const values = fc.record({
        city: word,
        days: fc.integer({ min: 1, max: 9 }),
        metric: fc.boolean(),
        near: fc.oneof(
          word.map((text) => `x${text}`),
          fc.constant(null),
        ),
        tags: fc.array(word, { maxLength: 2 }),
      });
      fc.assert(
        fc.property(values, (args) => {
          const text = render(syntax, 'weather', args) + close;
          expect(parsed(read([text], rules))).toEqual([{ name: 'weather', args }]);
          expect([text, open.accepts(open.spec(), text)]).toEqual([text, true]);
        }),
        { seed: 6, numRuns: (special ? 10 : 5) * effort },
      );
    });

    test('no text makes the parser throw or lose text, and the result does not depend on how it is split', () => {
      const { marker, channels, ...syntax } = rules.calls.syntax;
      const fixed = Object.values({ ...syntax, marker, ...channels }).filter(
        (part) => typeof part === 'string',
      );
      const tags = [...fixed, ...texts.map(({ text }) => text)].filter((part) => part !== '');
      const part = fc.oneof(
        fc.string({ maxLength: 6 }),
        fc.string({ unit: fc.constantFrom(...'{}[]()<>"\'\\:,= \na1'), maxLength: 8 }),
        fc.constantFrom(...tags),
        fc.constantFrom(...tags).map((tag) => tag.slice(0, Math.ceil(tag.length / 2))),
      );
      const broken = fc.array(part, { maxLength: 8 }).map((parts) => parts.join(''));
      fc.assert(
        fc.property(broken, cuts, fc.boolean(), (text, places, cut) => {
          const whole = stretchesOf([text], rules, { cut });
          expect(whole.stretches.map(({ raw }) => raw).join('')).toBe(text);
          const pieces = stretchesOf(split(text, places), rules, { cut });
          expect(pieces.stretches.map(({ raw }) => raw).join('')).toBe(text);
          expect(summary(pieces)).toEqual(summary(whole));
        }),
        { seed: 7, numRuns: (special ? 40 : 10) * effort },
      );
    });
  });
}

/** The texts of consecutive stretches of one kind, joined. */
function summary({ stretches, withinCall }: ReturnType<typeof stretchesOf>): unknown[] {
  const out: string[][] = [];
  for (const { kind, text, name } of stretches) {
    const last = out.at(-1);
    if (kind === 'call') out.push([kind, name ?? '']);
    else if (last?.[0] === kind) last[1] += text;
    else out.push([kind, text]);
  }
  return [...out.filter(([kind, text]) => kind === 'call' || text !== ''), withinCall];
}

type Syntax = OpenModel['calls']['syntax'];

/** Writes one call as the syntax describes it. */
function render(syntax: Syntax, name: string, args: Record<string, unknown>): string {
  const { begin, beforeName, name: form, beforeArguments, afterArguments, end } = syntax;
  const ended = syntax.channels === undefined ? afterArguments + end : '';
  const written = form === 'json' ? JSON.stringify(name) : name;
  return begin + beforeName + written + beforeArguments + argumentsText(syntax, args) + ended;
}

function argumentsText({ arguments: form }: Syntax, args: Record<string, unknown>): string {
  if (form.form === 'json') return JSON.stringify(args);
  const items = Object.entries(args);
  if (form.form === 'python') return items.map(([key, value]) => `${key}=${pythonText(value)}`).join(', ');
  return items
    .map(([key, value]) => {
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return form.beforeKey + key + form.afterKey + text + form.afterValue;
    })
    .join('');
}

function pythonText(value: unknown): string {
  const words = new Map<unknown, string>([
    [true, 'True'],
    [false, 'False'],
    [null, 'None'],
  ]);
  return words.get(value) ?? JSON.stringify(value);
}
