// Reading specifications for a thread that must not block. Specifications that take long are read in another thread, within
// bounds, and tenants take turns.
import { describe, expect, it } from 'vitest';
import { unpackedGrammar } from '../../../gateway/constraints/grammar/packed.ts';
import { read, readQuickly } from '../../../gateway/constraints/reading/read.ts';
import { GrammarReader } from '../../../gateway/constraints/reading/reader.ts';
import { Turns } from '../../../gateway/constraints/reading/reader-turns.ts';
import type { GrammarSpec } from '../../../gateway/constraints/specification.ts';

const json = (schema: unknown): GrammarSpec => ({ type: 'json_schema', schema: JSON.stringify(schema) });
const named = (count: number, held: (i: number) => unknown) => {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`p${i}`, held(i)]));
};
/** A schema whose automaton has thousands of states. */
const large = json({ type: 'string', pattern: '^[ab]*a[ab]{9}$', minLength: 40 });

describe('reading', () => {
  it('returns a grammar as bytes that another thread unpacks to the same grammar', () => {
    const { packed, notes } = read({ type: 'grammar', grammar: 'root ::= "a" ("b" | [c-e]{2,3})' });
    expect(notes).toEqual([]);
    expect(unpackedGrammar(packed)).toEqual(unpackedGrammar(packed));
    expect(unpackedGrammar(packed).rules.get('root')).toMatchObject({ kind: 'sequence' });
  });

  it.each<[string, GrammarSpec, RegExp]>([
    [
      'a chain of references',
      json({
        $ref: '#/$defs/p0',
        $defs: { ...named(600, (i) => ({ $ref: `#/$defs/p${i + 1}` })), p600: {} },
      }),
      /more than 300 schemas/,
    ],
    [
      'deeply nested groups',
      { type: 'grammar', grammar: `root ::= ${'('.repeat(9000)}"a"${')'.repeat(9000)}` },
      /100 deep/,
    ],
    ['a very long text', json({ type: 'string', minLength: 2 ** 53 }), /too large/],
  ])('refuses %s', (_what, spec, message) => {
    expect(() => read(spec)).toThrow(message);
  });

  it.each(['?', '*+', '{2}?', '{5,6}{2,3}?'])('accepts any number of nested counts: %s', (counts) => {
    const grammar = `root ::= "a"${counts.repeat(9000 / counts.length)}`;
    expect(read({ type: 'grammar', grammar }).packed.byteLength).toBeLessThan(500);
  });

  it('with `readQuickly` returns undefined if a specification takes longer than a few milliseconds', () => {
    const small = json({ type: 'object', properties: { a: { type: 'string', maxLength: 30 } } });
    expect(readQuickly(small, 100)?.notes).toEqual([]);
    expect(readQuickly(large, 100)).toBeUndefined();
    expect(readQuickly({ ...large, relaxed: true } as GrammarSpec, 100)).toBeUndefined();
  });
});

describe('the reader', () => {
  it('keeps grammars and faults, and returns the same result for the same specification', async () => {
    const reader = new GrammarReader();
    const [one, other] = await Promise.all([
      reader.read(large, { tenant: 'a' }),
      reader.read(large, { tenant: 'b' }),
    ]);
    expect(one.packed).toBe(other.packed);
    expect((await reader.read(large, { tenant: 'c' })).packed).toBe(one.packed);
    const refused = json({ unevaluatedItems: false, title: 'x'.repeat(9000) });
    const faults = [];
    for (let times = 0; times < 2; times++) {
      faults.push(await reader.read(refused, { tenant: 'a' }).catch((cause: unknown) => cause));
    }
    expect(faults[0]).toMatchObject({ name: 'ConstraintFault', path: '.unevaluatedItems' });
    expect(faults[1]).toBe(faults[0]);
  });

  it('refuses a specification that takes too long, and reads the next one', async () => {
    const reader = new GrammarReader({ deadlineMs: 1 });
    await expect(reader.read(large, { tenant: 'a' })).rejects.toThrow('takes more than 0.001 s');
    const small: GrammarSpec = { type: 'choice', choices: ['yes', 'no'] };
    expect((await reader.read(small, { tenant: 'a' })).notes).toEqual([]);
  });

  it('drops a waiting specification if all its callers have aborted', async () => {
    const reader = new GrammarReader();
    const leaving = new AbortController();
    const left = reader.read(large, { tenant: 'a', signal: leaving.signal });
    leaving.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    expect((await reader.read(large, { tenant: 'a' })).notes).toEqual([]);
  });
});

describe('turns', () => {
  it('go to the tenant that has used the thread least', () => {
    const turns = new Turns<string>();
    for (const job of ['a1', 'a2']) turns.add('a', job, 0);
    expect(turns.next(0)).toEqual({ tenant: 'a', job: 'a1' });
    turns.add('b', 'b1', 0);
    turns.had('a', 500, 500);
    expect(turns.next(500)).toEqual({ tenant: 'b', job: 'b1' });
    turns.had('b', 5, 505);
    expect(turns.next(505)).toEqual({ tenant: 'a', job: 'a2' });
    expect(turns.next(505)).toBeUndefined();
  });

  it('give a busy tenant at most half of the time', () => {
    const turns = new Turns<number>();
    let now = 0;
    let had = 0;
    for (let job = 0; now < 100_000; ) {
      turns.add('a', job, now);
      const next = turns.next(now);
      if (next === undefined) throw new Error('nobody waits');
      if ('restMs' in next) now += next.restMs;
      else {
        now += 1000;
        had += 1000;
        turns.had('a', 1000, now);
        job++;
      }
    }
    expect(had / now).toBeLessThan(0.55);
    expect(had / now).toBeGreaterThan(0.45);
  });

  it('leave waiting places for other tenants, and forget tenants that have left', () => {
    const turns = new Turns<number>();
    let own = 0;
    while (turns.add('a', own, 0)) own++;
    expect(own).toBe(128);
    expect(turns.add('b', 0, 0)).toBe(true);
    turns.remove('a', 0);
    expect(turns.next(0)).toEqual({ tenant: 'a', job: 1 });
  });
});
