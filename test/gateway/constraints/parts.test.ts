// The parts that the masks are made of: characters, the vocabulary's tree, the memory of compiled grammars.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { complement, encodings, union } from '../../../gateway/constraints/grammar/characters.ts';
import { grammarOf } from '../../../gateway/constraints/grammar/grammar-of.ts';
import { Cache } from '../../../gateway/constraints/masks/cache.ts';
import { CompiledGrammar } from '../../../gateway/constraints/masks/compiled.ts';
import { allows, applyMask, maskOf } from '../../../gateway/constraints/masks/mask.ts';
import { Vocabulary, vocabularyData } from '../../../gateway/constraints/vocabulary.ts';
import { nano } from './writer.ts';

const point = fc.integer({ min: 0, max: 0x10ffff }).filter((each) => each < 0xd800 || each > 0xdfff);

describe('characters', () => {
  it('match one of the UTF-8 encodings of a set if they are in the set, otherwise none', () => {
    fc.assert(
      fc.property(point, point, point, (one, other, value) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const bytes = [...Buffer.from(String.fromCodePoint(value))];
        const matches = encodings([[low, high]]).filter((encoding) => {
          return (
            encoding.length === bytes.length &&
            encoding.every(([a, b], i) => a <= (bytes[i] ?? 0) && (bytes[i] ?? 0) <= b)
          );
        });
        expect(matches).toHaveLength(value >= low && value <= high ? 1 : 0);
      }),
      { seed: 1, numRuns: 500 },
    );
  });

  it('may be written in a pattern as two escapes that are a surrogate pair', () => {
    const grammar = (pattern: string) => grammarOf({ type: 'regex', pattern });
    expect(grammar('a\\ud83d\\uDE00b')).toEqual(grammar('a😀b'));
    expect(grammar('[\\ud83d\\ude00-\\ud83d\\ude02]')).toEqual(grammar('[😀-😂]'));
    expect(grammar('[\\ud800-\\udfffa]')).toEqual(grammar('[a]'));
  });

  it('are never a lone surrogate', () => {
    expect(complement([])).toEqual([
      [0, 0xd7ff],
      [0xe000, 0x10ffff],
    ]);
    expect(union([[0xd000, 0xdfff]], [[0x41, 0x42]])).toEqual([
      [0x41, 0x42],
      [0xd000, 0xd7ff],
    ]);
  });
});

describe('a mask', () => {
  const texts = ['a', 'ab', 'abc', 'b', 'ab', '', 'bc', 'c', '\u00e9'];
  const vocabulary = new Vocabulary(vocabularyData(texts.length, (id) => Buffer.from(texts[id] ?? '')));

  it('contains exactly the tokens that may come, including different ids with the same text', () => {
    const grammar = new CompiledGrammar(grammarOf({ type: 'regex', pattern: 'ab|b|é' }), vocabulary);
    const mask = grammar.mask(grammar.automaton.start());
    const come = texts.flatMap((text, id) => (allows(mask, id) ? [text] : []));
    expect(come).toEqual(['a', 'ab', 'b', 'ab', 'é']);
    const logits = new Float32Array(texts.length).fill(1);
    applyMask(mask, logits);
    expect(Array.from(logits, (logit) => logit === 1)).toEqual(texts.map((text) => come.includes(text)));
  });

  it('is the same as a list and as bits, and equals the ids that are allowed when each is tried', () => {
    const large = new Vocabulary(nano);
    const grammar = new CompiledGrammar(
      grammarOf({ type: 'regex', pattern: '[a-z]{3}( [A-Z]{1,2}\\d)*' }),
      large,
    );
    for (const begun of ['', 'ab', 'abc', 'abc X', 'abc X1']) {
      let state = grammar.automaton.start();
      for (const byte of Buffer.from(begun)) state = grammar.automaton.step(state, byte) ?? state;
      const mask = maskOf(grammar.automaton, state, large);
      for (let id = 0; id < large.size; id++) {
        const bytes = large.bytes(id);
        let reached: typeof state | undefined = bytes.length > 0 ? state : undefined;
        for (const byte of bytes) reached = reached && grammar.automaton.step(reached, byte);
        expect(allows(mask, id)).toBe(reached !== undefined);
      }
    }
  });
});

describe('the cache', () => {
  const value = (size: number) => ({ size });

  it('forgets the least recently used values if it has more values than its bound', () => {
    const cache = new Cache({ count: 2 });
    const one = value(1);
    cache.set('1', one);
    cache.set('2', value(1));
    expect(cache.get('1')).toBe(one);
    cache.set('3', value(1));
    expect(cache.count).toBe(2);
    expect(cache.get('1')).toBe(one);
    expect(cache.get('2')).toBeUndefined();
  });

  it('forgets values if they take more bytes than its bound, but keeps the value added last', () => {
    const cache = new Cache({ bytes: 1000 });
    cache.set('1', value(300));
    cache.set('2', value(300));
    expect(cache.get('1')).toBeUndefined();
    cache.set('2', value(400));
    expect(cache.count).toBe(1);
    cache.set('3', value(5000));
    expect([cache.count, cache.get('3')?.size]).toEqual([1, 5000]);
    cache.set('4', value(10));
    expect([cache.count, cache.bytes]).toEqual([1, 212]);
  });
});
