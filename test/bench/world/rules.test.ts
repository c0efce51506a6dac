// The checker of the small world's tasks: it accepts the world's own answers to all 200 tasks, and refuses wrong ones.
import { describe, expect, it } from 'vitest';
import { readTasks } from '../../../bench/world/asking.ts';
import { type Answer, type Check, failed, numbersIn, type Task } from '../../../bench/world/rules.ts';

const tasks = await readTasks();

/** The answer that the world itself gives. */
function referenceOf({ checks, reference }: Task): Answer {
  const calls = checks.flatMap((check) =>
    check.rule === 'call' ? { name: check.name, arguments: JSON.stringify(check.arguments) } : [],
  );
  return { content: reference, calls };
}

function isRight(check: Check, content: string, calls: Answer['calls'] = []): boolean {
  const task = { id: 'one', kind: 'one', messages: [], checks: [check], reference: '' };
  return failed(task, { content, calls }).length === 0;
}

describe('the 200 tasks', () => {
  it('have different ids and at least one check each', () => {
    expect(new Set(tasks.map(({ id }) => id)).size).toBe(200);
    expect(tasks.filter(({ checks }) => checks.length === 0)).toEqual([]);
  });

  it('accept the answer that the world gives', () => {
    expect(tasks.filter((task) => failed(task, referenceOf(task)).length > 0).map(({ id }) => id)).toEqual(
      [],
    );
  });

  it('refuse an empty answer, and an evasive one', () => {
    for (const content of ['', 'I do not know that.']) {
      const accepted = tasks.filter((task) => failed(task, { content, calls: [] }).length === 0);
      expect(accepted.map(({ id }) => id)).toEqual([]);
    }
  });

  it('mostly refuse the answer to another task of their kind', () => {
    const wrong = tasks.filter((task, index) => {
      const other = tasks.slice(index + 1).find(({ kind }) => kind === task.kind);
      return other !== undefined && failed(task, referenceOf(other)).length > 0;
    });
    expect(wrong.length).toBeGreaterThan(160);
  });
});

describe('each rule', () => {
  const call: Check = { rule: 'call', name: 'get_time', arguments: { city: 'Oslo' } };
  const json: Check = {
    rule: 'json',
    schema: { type: 'object', properties: { age: { type: 'integer' } }, required: ['age'] },
    value: { name: 'Mia', age: 9 },
  };
  it.each<[Check, string, boolean]>([
    [{ rule: 'first', text: 'goat', others: ['hen'] }, 'A goat is bigger than a hen.', true],
    [{ rule: 'first', text: 'goat', others: ['hen'] }, 'A hen is bigger than a goat.', false],
    [{ rule: 'first', text: 'fig', others: [] }, 'Your favourite food is figs.', true],
    [{ rule: 'first', text: 'fig', others: [] }, 'It is a figure.', false],
    [{ rule: 'begins', text: 'no' }, 'No, it cannot.', true],
    [{ rule: 'begins', text: 'no' }, 'Not always, no.', false],
    [{ rule: 'number', value: 8 }, '3 + 5 = 8.', true],
    [{ rule: 'number', value: 8 }, 'Eight', true],
    [{ rule: 'number', value: 8 }, '8 + 5 = 13.', false],
    [{ rule: 'number', value: 8 }, '18', false],
    [{ rule: 'sentences', count: 2 }, 'A fox ran. "Stop!"', true],
    [{ rule: 'sentences', count: 2 }, 'A fox ran. It stopped. It slept.', false],
    [{ rule: 'sentences', count: 2 }, 'A fox ran. It stopped. It', false],
    [{ rule: 'list', least: 2 }, '- one\n- two', true],
    [{ rule: 'list', least: 2 }, '1. one\n2. two', true],
    [{ rule: 'list', least: 2 }, 'one\ntwo', false],
    [{ rule: 'shorter', characters: 12 }, 'A fox ran.', true],
    [{ rule: 'shorter', characters: 12 }, 'A fox ran and ran.', false],
    [json, '{"age": 9, "name": "Mia"}', true],
    [json, '{"name": "Mia", "age": "9"}', false],
    [json, '{"name": "Mia", "age": 9', false],
    [{ rule: 'mentions', text: 'lantern' }, 'A Lantern!', true],
    [{ rule: 'mentions', text: 'lantern' }, 'A lamp.', false],
  ])('%o of %j: %s', (check, content, expected) => {
    expect(isRight(check, content)).toBe(expected);
  });

  it('a call needs the name and the arguments, and no second call', () => {
    const right = { name: 'get_time', arguments: '{"city": "Oslo"}' };
    expect(isRight(call, '', [right])).toBe(true);
    expect(isRight(call, '', [{ ...right, name: 'get_weather' }])).toBe(false);
    expect(isRight(call, '', [{ ...right, arguments: '{"city": "Rome"}' }])).toBe(false);
    expect(isRight(call, '', [right, right])).toBe(false);
    expect(isRight(call, '{"name": "get_time"}')).toBe(false);
  });

  it('an unknown rule is an error', () => {
    const task = { id: 'x', kind: 'x', messages: [], checks: [{ rule: 'magic' } as never], reference: '' };
    expect(() => failed(task, { content: '', calls: [] })).toThrow('task x: unknown rule magic');
  });
});

it('reads numbers in digits and words', () => {
  expect(numbersIn('Forty-two minus 2 is forty, not one hundred or nineteen.')).toEqual([42, 2, 40, 100, 19]);
});
