// The parts of steps that tenants get if other threads spend time for one of them.
import { describe, expect, it } from 'vitest';
import { FairShares } from '../../../../gateway/engine/scheduling/fair-shares.ts';
import type { Progress } from '../../../../gateway/engine/scheduling/scheduler.ts';

/** A step takes 4 ms, and 1 ms more for each row. */
const costs = { stepMs: (rows: number) => (rows === 0 ? 0 : 4 + rows), promptRowMs: 1 };
const options = { costs, prefillShare: 0.7, minPrefillRows: 1 };
const limits = () => ({ prefillRows: 64, minPrefillRows: 1 });

/** Decoding sequences of the tenant. */
function generating(tenant: string, count: number): Progress[] {
  const known = { promptLength: 1, length: 2, computed: 1, drafts: [], stepped: 0, held: false };
  return Array.from({ length: count }, () => ({ tenant, weight: 1, ...known }) as unknown as Progress);
}

/** Rows of each tenant in all steps. `before` is called before each step. */
function rowsOf(shares: FairShares, running: readonly Progress[], steps: number, before = () => {}) {
  const had: Record<string, number> = { few: 0, many: 0 };
  for (let step = 0; step < steps; step++) {
    before();
    const parts = shares.parts(running, { ...options, limits });
    const left = new Map([...(parts ?? [])].map(([tenant, { rows }]) => [tenant, rows]));
    const spans = running.flatMap((sequence) => {
      const rows = left.get(sequence.tenant) ?? Number.POSITIVE_INFINITY;
      left.set(sequence.tenant, rows - 1);
      return rows < 1 ? [] : [{ sequence, start: 1, count: 1 }];
    });
    for (const { sequence } of spans) had[sequence.tenant] = (had[sequence.tenant] ?? 0) + 1;
    shares.settle(spans, { costs, decoding: running, ms: costs.stepMs(spans.length) });
  }
  return { few: had.few ?? 0, many: had.many ?? 0 };
}

describe('time that other threads spend for a tenant', () => {
  const running = [...generating('few', 4), ...generating('many', 16)];

  it("reduces the tenant's part of the steps as much as time of the engine's own thread", () => {
    const plain = rowsOf(new FairShares(), running, 400);
    const charged = new FairShares();
    const beside = rowsOf(charged, running, 400, () => charged.charge('many', 4));
    expect(beside.many).toBeLessThan(plain.many * 0.7);
    expect(beside.few).toBeGreaterThanOrEqual(plain.few);
    const spent = new FairShares();
    const own = rowsOf(spent, running, 400, () => spent.spend('many', 4));
    expect(Math.abs(own.many - beside.many)).toBeLessThan(10); // before the first step, `charge` has no effect
  });

  it('is not part of the time of a step', () => {
    const shares = new FairShares();
    rowsOf(shares, running, 1);
    shares.charge('many', 100);
    expect(shares.spentMs).toBe(0);
  });

  it('does not count if there is only one tenant', () => {
    const shares = new FairShares();
    const alone = generating('many', 16);
    expect(rowsOf(shares, alone, 50, () => shares.charge('many', 50)).many).toBe(800);
  });
});
