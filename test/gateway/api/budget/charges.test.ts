import { expect, test } from 'vitest';
import { chargeNowAndThen } from '../../../../gateway/api/budget/slices.ts';

test('short times are added up for each tenant and charged together, and none is lost', () => {
  const charged: [string | undefined, number][] = [];
  const charge = chargeNowAndThen((tenant, ms) => charged.push([tenant, ms]));
  for (let i = 0; i < 7; i++) charge('a', 1);
  charge('b', 0.5);
  charge(undefined, 10);
  expect(charged).toEqual([
    ['a', 4],
    [undefined, 10],
  ]);
  charge('a', 1);
  charge('b', 3.5);
  expect(charged.slice(2)).toEqual([
    ['a', 4],
    ['b', 4],
  ]);
});
