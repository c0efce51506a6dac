// Checks that a process closes everything that it has opened, in reverse order and once, even if a step fails.
import { expect, it } from 'vitest';
import { Closing } from '../../cli/closing.ts';

it('closes in reverse order, one after another, and only once', async () => {
  const closing = new Closing();
  const order: string[] = [];
  closing.add(() => order.push('first'));
  closing.add(async () => {
    await Promise.resolve();
    order.push('second');
  });
  await closing.all();
  await closing.all();
  expect(order).toEqual(['second', 'first']);
});

it('runs all steps even if some fail, and then throws the first failure', async () => {
  const closing = new Closing();
  const order: string[] = [];
  closing.add(() => order.push('closed'));
  closing.add(() => Promise.reject(new Error('a later failure')));
  closing.add(() => {
    throw new Error('the first failure');
  });
  await expect(closing.all()).rejects.toThrow('the first failure');
  expect(order).toEqual(['closed']);
});
