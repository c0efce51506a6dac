// Each request settles exactly once, with the tokens that the gateways counted. The same case runs on Node and in the Worker.
import { expect } from 'vitest';
import type { OpenFront } from '../hosts/front.ts';
import { type Mix, rowsNeeded, runMix, SPARE } from './mix.ts';

/** Sends mixed requests, and compares the edge's rows of usage and its budgets with the gateways' own counts. */
export async function expectSettled(open: OpenFront, count: number, seed: number): Promise<Mix> {
  const mix = await runMix(open, count, seed);
  const { rows, fates, lines } = mix;
  const byRequest = Map.groupBy(rows, ({ request }) => request);
  for (const [id, found] of byRequest) expect([id, found.length]).toEqual([id, 1]);
  expect(rowsNeeded(mix).filter((id) => !byRequest.has(id))).toEqual([]);
  expect(mix.left).toEqual({ free: SPARE, poor: SPARE });
  for (const row of rows) {
    const fate = fates.get(row.request);
    const own = lines.get(row.request) ?? [];
    if (fate === 'lost' && row.status === 502) {
      const most = Math.max(0, ...own.map((line) => (line.known_tokens ?? 0) + line.generated_tokens));
      expect(row.generated_tokens).toBeLessThanOrEqual(most);
      continue;
    }
    const last = own.at(-1);
    const expected = {
      prompt_tokens: Math.max(0, ...own.map((line) => line.prompt_tokens)),
      generated_tokens: (last?.known_tokens ?? 0) + (last?.generated_tokens ?? 0),
      cached_tokens: last?.cached_tokens ?? null,
      estimated: 0,
    };
    expect({ fate, ...row }).toMatchObject({ fate, ...expected });
  }
  return mix;
}

/** What became of the requests. */
export function numbersOf({ rows, statuses }: Mix) {
  const of = (status: number) => rows.filter((row) => row.status === status).length;
  return {
    rows: rows.length,
    whole: of(200),
    left: of(499),
    lost: of(502),
    refused: of(400),
    limited: [...statuses.values()].filter((status) => status === 429).length,
    continued: rows.filter(({ resumes }) => resumes > 0).length,
  };
}
