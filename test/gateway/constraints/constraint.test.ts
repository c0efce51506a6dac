import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Constraint } from '../../../gateway/constraints/masks/constraint.ts';
import { Constraints } from '../../../gateway/constraints/masks/constraints.ts';
import type { ConstraintSpec, GrammarSpec } from '../../../gateway/constraints/specification.ts';
import { HERMES_CALLS } from '../../support/call-syntax.ts';
import { accepts, allowed, END, idsOf, nano, open, textOf, VOCAB, write } from './writer.ts';

const schema = (value: unknown): GrammarSpec => ({ type: 'json_schema', schema: JSON.stringify(value) });

function follow(constraint: Constraint, text: string): Constraint {
  for (const id of idsOf(text)) constraint.advance(id);
  return constraint;
}

describe('a choice, a pattern, a grammar', () => {
  it('allow exactly the texts that they describe', () => {
    const choice: ConstraintSpec = { type: 'choice', choices: ['yes', 'no', 'yesterday', 'é"'] };
    for (const text of ['yes', 'no', 'yesterday', 'é"'])
      expect([text, accepts(choice, text)]).toEqual([text, true]);
    for (const text of ['', 'y', 'yesno', 'yester', 'No', ' no'])
      expect([text, accepts(choice, text)]).toEqual([text, false]);
    const regex: ConstraintSpec = { type: 'regex', pattern: '\\d{4}-\\d{2}|never' };
    for (const text of ['2024-07', 'never']) expect(accepts(regex, text)).toBe(true);
    for (const text of ['2024-7', 'x2024-07', 'nevermore', '2024-07\n'])
      expect(accepts(regex, text)).toBe(false);
    const grammar: ConstraintSpec = {
      type: 'grammar',
      grammar: `root ::= sum # a sum in brackets may stand for a number
        sum ::= term (("+" | "-") term)*
        term ::= [0-9]{1,3} | "(" sum ")"`,
    };
    for (const text of ['1', '1+(22-333)', '((7))']) expect(accepts(grammar, text)).toBe(true);
    for (const text of ['', '1+', '1234', '((7)', '1 + 2']) expect(accepts(grammar, text)).toBe(false);
  });

  it('allow a text exactly if the RegExp of JavaScript matches it', () => {
    const patterns = [
      '^(a|bc)*d?$',
      '^[^a-c]{2,3}$',
      '^.\\.\\d+$',
      '^\\w+?\\W$',
      '^a{2,}b{0,1}$',
      '^(?:x|y[ab]){1,3}$',
    ];
    const text = fc.string({ unit: fc.constantFrom(...'abcdxy.1_ é'), maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(...patterns), text, (pattern, written) => {
        expect(accepts({ type: 'regex', pattern }, written)).toBe(new RegExp(pattern, 'u').test(written));
      }),
      { seed: 3, numRuns: 300 },
    );
  });
});

describe('a constraint', () => {
  const spec = schema({
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 30 },
      n: { type: 'array', items: { type: 'integer' }, maxItems: 5 },
    },
    required: ['name', 'n'],
  });

  it('allows the same ids if it is opened again with the ids so far as replay', () => {
    for (let seed = 0; seed < 10; seed++) {
      const { ids } = write(open(spec), { seed });
      const constraint = open(spec);
      for (const [i, id] of ids.entries()) {
        expect(allowed(open(spec, ids.slice(0, i)))).toEqual(allowed(constraint));
        constraint.advance(id);
      }
    }
  });

  it('throws if it is advanced by a forbidden id, and does not change', () => {
    const constraint = follow(open(spec), '{"name"');
    const before = allowed(constraint);
    const [wrong = 0] = idsOf('}');
    expect(() => constraint.advance(wrong)).toThrow(`token ${wrong} is not allowed`);
    expect(() => constraint.advance(END)).toThrow('not allowed');
    expect(allowed(constraint)).toEqual(before);
  });

  it('allows stop ids exactly when the answer is complete', () => {
    const word: ConstraintSpec = { type: 'regex', pattern: '[a-z]+' };
    expect(allowed(open(word))).not.toContain(END);
    const begun = follow(open(word), 'a');
    expect(allowed(begun)).toContain(END);
    expect(begun.finished).toBe(false);
    begun.advance(END);
    const whole = follow(open({ type: 'choice', choices: ['ab'] }), 'ab');
    expect(whole.finished).toBe(true);
    expect(allowed(whole)).toEqual([END]);
  });

  it('never allows a token that is not text', () => {
    const seen = allowed(follow(open(schema({ type: 'string' })), '"a'));
    expect(seen.length).toBeGreaterThan(3000);
    expect(seen.filter((id) => textOf([id]) === '')).toEqual([]);
  });

  it('never allows bytes that are not UTF-8', () => {
    for (let seed = 0; seed < 20; seed++) {
      const { text, finished } = write(open(schema({ type: 'string', minLength: 30, maxLength: 60 })), {
        seed,
      });
      expect(finished).toBe(true);
      expect(text).not.toContain('\ufffd');
    }
  });

  it('throws a fault within a short time if a grammar is too ambiguous to follow', () => {
    const grammar = 'root ::= s\ns ::= [a-z] s? s? s? "."?';
    expect(() => follow(open({ type: 'grammar', grammar }), 'a'.repeat(60))).toThrow('ambiguous');
  });

  it('does not count a grammar as used if its constraint could not be opened', () => {
    const rules = Array.from({ length: 2100 }, (_, i) => `r${i} ::= [a-z] "${i}"`);
    const grammar = `root ::= ${rules.map((_, i) => `r${i}`).join(' | ')}\n${rules.join('\n')}`;
    const constraints = new Constraints(nano, { count: 0 });
    expect(() => constraints.open({ type: 'grammar', grammar }, { stopIds: [END] })).toThrow('ambiguous');
    const replay = idsOf('no');
    expect(() =>
      constraints.open({ type: 'choice', choices: ['yes'] }, { stopIds: [END], replay }),
    ).toThrow();
    expect(constraints.grammars.count).toBe(0);
  });

  it('follows nested counts, even if a text can be counted in very many ways', () => {
    const nested = '((((a{1,90}b?){1,90}c?){1,90}d?){1,90}e?){1,90}';
    follow(open({ type: 'regex', pattern: `(${nested}|${nested}x)` }), 'a'.repeat(60));
  });
});

describe('thinking', () => {
  const [begin, end] = [idsOf('<think>'), idsOf('</think>')];
  const answer: ConstraintSpec = { type: 'choice', choices: ['yes', 'no'] };
  const thinking = (
    fields: { budget: number | undefined; open: boolean },
    then?: ConstraintSpec,
  ): ConstraintSpec => {
    return { type: 'thinking', begin, end, ...fields, ...(then && { then }) };
  };
  const other = idsOf('a')[0] ?? 0;

  it.each([0, 1, 5, 17])('is ended after a budget of %i tokens, and the answer follows', (budget) => {
    const constraint = open(thinking({ budget, open: true }, answer));
    for (let i = 0; i < budget; i++) {
      expect(allowed(constraint).length).toBeGreaterThan(4000);
      constraint.advance(other);
    }
    for (const id of end) {
      expect(allowed(constraint)).toEqual([id]);
      constraint.advance(id);
    }
    expect(follow(constraint, 'yes').finished).toBe(true);
  });

  it('is ended by the remaining end ids if the first end id came within the budget', () => {
    const constraint = open(thinking({ budget: 2, open: true }, answer));
    constraint.advance(other);
    constraint.advance(end[0] ?? 0);
    for (const id of end.slice(1)) {
      expect(allowed(constraint)).toEqual([id]);
      constraint.advance(id);
    }
    expect(allowed(constraint).length).toBeLessThan(10);
  });

  it('may end by itself, and until then allows every id except the stop ids', () => {
    const constraint = open(thinking({ budget: undefined, open: true }, answer));
    for (let i = 0; i < 50; i++) constraint.advance(other);
    expect(allowed(constraint)).not.toContain(END);
    for (const id of end) constraint.advance(id);
    expect(() => follow(constraint, 'maybe')).toThrow('not allowed');
    const alone = open(thinking({ budget: 3, open: true }));
    expect(allowed(alone)).toContain(END);
  });

  it('begins only if its tag comes first or after white space', () => {
    const plain = open(thinking({ budget: 0, open: false }, answer));
    expect(follow(plain, 'no').finished).toBe(true);
    const thought = open(thinking({ budget: 1, open: false }, answer));
    expect(allowed(thought)).toContain(begin[0]);
    for (const id of begin) thought.advance(id);
    thought.advance(other);
    expect(allowed(thought)).toEqual([end[0]]);
    const behindSpace = follow(open(thinking({ budget: 1, open: false })), ' \n');
    for (const id of begin) behindSpace.advance(id);
    behindSpace.advance(other);
    expect(allowed(behindSpace)).toEqual([end[0]]);
    const behindText = follow(open(thinking({ budget: 0, open: false })), 'Well');
    for (const id of begin) behindText.advance(id);
    expect(allowed(behindText).length).toBeGreaterThan(4000);
    const neither = open(thinking({ budget: 1, open: false }, answer));
    expect(() => follow(neither, 'maybe')).toThrow('not allowed');
  });
});

describe('calls of tools', () => {
  const syntax = HERMES_CALLS;
  const parameters = JSON.stringify({ properties: { city: { enum: ['Bonn', 'Rome'] } }, required: ['city'] });
  const tools = [{ name: 'weather', parameters }, { name: 'time' }];
  const calls = (mode: 'auto' | 'required', parallel = true, content?: GrammarSpec): ConstraintSpec => {
    return { type: 'tool_calls', mode, parallel, tools, syntax, ...(content && { content }) };
  };
  const call = (name: string, of: string) =>
    `<tool_call>\n{"name": "${name}", "arguments": ${of}}\n</tool_call>`;
  const bonn = call('weather', '{"city": "Bonn"}');

  it('are the whole answer if mode is "required"', () => {
    const unbroken = bonn.replaceAll('\n', '');
    const two = `${bonn}\n${call('time', '{"x": 1}')}`;
    for (const text of [bonn, call('time', '{}'), two, unbroken, `${unbroken}${bonn}`]) {
      expect([text, accepts(calls('required'), text)]).toEqual([text, true]);
    }
    const wrong = [
      '',
      'Well',
      `Well ${bonn}`,
      call('other', '{}'),
      call('weather', '{"city": "Oslo"}'),
      call('weather', '{}'),
      `${bonn}\n\n${bonn}`,
    ];
    for (const text of wrong) expect([text, accepts(calls('required'), text)]).toEqual([text, false]);
    expect(accepts(calls('required', false), `${bonn}\n${bonn}`)).toBe(false);
    expect(follow(open(calls('required', false)), bonn).finished).toBe(true);
  });

  it('follow their syntax after their tag if mode is "auto"', () => {
    for (const text of [
      '',
      'Well, <tool',
      `Let me see.\n${bonn}`,
      `${bonn}\n${bonn} And now?`,
      '<tool_cal<tool_call\n',
    ]) {
      expect([text, accepts(calls('auto'), text)]).toEqual([text, true]);
    }
    for (const text of [
      '<tool_call>',
      `<tool_call> {}`,
      `So ${call('other', '{}')}`,
      `So ${call('weather', '{}')}`,
    ]) {
      expect([text, accepts(calls('auto'), text)]).toEqual([text, false]);
    }
    expect(accepts(calls('auto', false), `Well. ${bonn}`)).toBe(true);
    expect(accepts(calls('auto', false), `${bonn} Well.`)).toBe(false);
  });

  it('may come after any free text, even after part of a character', () => {
    const free = allowed(open(calls('auto')));
    expect(free).toHaveLength(VOCAB);
  });

  it('are allowed as an alternative to an answer that has a grammar of its own', () => {
    const spec = calls(
      'auto',
      true,
      schema({ type: 'object', properties: { a: { const: 1 } }, required: ['a'] }),
    );
    for (const text of ['{"a":1}', bonn]) expect([text, accepts(spec, text)]).toEqual([text, true]);
    for (const text of ['Well', '{}', `{"a":1}${bonn}`])
      expect([text, accepts(spec, text)]).toEqual([text, false]);
  });

  it('are complete and valid if the logits are random', () => {
    for (let seed = 0; seed < 20; seed++) {
      const { text, finished } = write(open(calls('required', false)), { seed, most: 300 });
      if (finished)
        expect(text).toMatch(
          /^<tool_call>\n?\{"name": ?"(weather|time)", ?"arguments": ?\{.*\}\}\n?<\/tool_call>$/su,
        );
    }
  });
});
