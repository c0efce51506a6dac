// Checks the call policy that the flags of `up` and `gateway` give.
import { expect, test } from 'vitest';
import { callPolicy } from '../../../cli/flags/gateway-flags.ts';
import { engineDefaults } from '../../../gateway/engine/engine-options.ts';
import { defaultPolicy } from '../../../router/call-policy.ts';

const shares = { hedgeBudget: 0, audit: 0 };

test('the default of --patience stays below --call-deadline, and a longer --patience is refused', () => {
  const { callDeadlineMs } = engineDefaults;
  expect(callPolicy({ ...shares, callDeadline: callDeadlineMs }).patienceMs).toBe(defaultPolicy.patienceMs);
  expect(callPolicy({ ...shares, callDeadline: 9_000 }).patienceMs).toBe(6_000);
  expect(callPolicy({ ...shares, callDeadline: 9_000, patience: 8_999 }).patienceMs).toBe(8_999);
  expect(() => callPolicy({ ...shares, callDeadline: 9_000, patience: 9_000 })).toThrow(
    /--patience 9000 is not less than --call-deadline 9000/,
  );
});
