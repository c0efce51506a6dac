// What a load run requests, and how it judges made-up findings.
import { expect, it } from 'vitest';
import {
  histogram,
  type LoadFindings,
  loadFigures,
  loadVerdicts,
  quantile,
} from '../../bench/load/load-verdicts.ts';
import { loadRequest } from '../../bench/load/requests.ts';
import { uniform } from '../support/random.ts';

const PROSE = 'It was a fine morning, and nobody was up. '.repeat(60);
const NAME = 'expertgrid_api_overhead_seconds';
const bucket = (endpoint: string, le: string, count: number) =>
  `${NAME}_bucket{le="${le}",endpoint="${endpoint}"} ${count}`;
const page = [
  bucket('/v1/completions', '0.001', 40),
  bucket('/v1/completions', '0.002', 80),
  bucket('/v1/completions', '+Inf', 80),
  bucket('/v1/chat/completions', '0.001', 10),
  bucket('/v1/chat/completions', '0.002', 19),
  bucket('/v1/chat/completions', '+Inf', 20),
  `${NAME}_sum{endpoint="/v1/completions"} 3`,
].join('\n');

const found: LoadFindings = {
  seconds: 10,
  tokens: 5_000,
  whole: 90,
  left: 10,
  errors: { '429 queue_full': 3 },
  health: { times: Array.from({ length: 100 }, (_, i) => i / 4), failures: [] },
  metrics: page,
  clientLagP99: 8,
  othersShare: 0.1,
};
const failed = (more: Partial<LoadFindings>) =>
  loadVerdicts(loadFigures({ ...found, ...more })).flatMap(({ name, ok }) => (ok ? [] : [name]));

it('adds up the buckets of all endpoints, and finds quantiles within them', () => {
  const buckets = histogram(page, NAME);
  expect([...buckets]).toEqual([
    [0.001, 50],
    [0.002, 99],
    [Number.POSITIVE_INFINITY, 100],
  ]);
  expect(quantile(buckets, 0.25)).toBeCloseTo(0.0005);
  expect(quantile(buckets, 0.5)).toBeCloseTo(0.001);
  expect(quantile(buckets, 0.745)).toBeCloseTo(0.0015);
  expect(quantile(buckets, 1)).toBe(0.002);
  expect(quantile(new Map(), 0.5)).toBeNaN();
});

it('passes a run whose only refusals were for a full queue', () => {
  expect(failed({})).toEqual([]);
  expect(loadFigures(found)).toMatchObject({ tokens: 500, refused: 3, errors: 0, healthP99: 24.5 });
});

it('fails a run with errors, a slow /health, a slow API or figures that were not measured', () => {
  expect(failed({ errors: { '500 internal': 1 } })).toEqual(['no error but 429']);
  expect(failed({ health: { times: [1], failures: ['ECONNRESET'] } })).toEqual(['no error but 429']);
  const slow = { times: [...found.health.times.slice(0, 98), 60, 60], failures: [] };
  expect(failed({ health: slow })).toEqual(['p99 of /health below 50 ms']);
  expect(failed({ metrics: page.replaceAll('0.002', '0.2').replaceAll('0.001', '0.1') })).toEqual([
    "p50 of the API's overhead below 2 ms a request",
  ]);
  expect(failed({ metrics: '', health: { times: [], failures: [] } })).toHaveLength(2);
});

it('sends chats and completions, streamed and whole, short and long, and leaves some of them early', () => {
  const random = uniform(4);
  const asked = Array.from({ length: 400 }, () => loadRequest(random, PROSE));
  const share = (of: (request: (typeof asked)[number]) => boolean) => asked.filter(of).length / asked.length;
  expect(share(({ path }) => path === '/v1/completions')).toBeCloseTo(0.5, 1);
  expect(share(({ body }) => body.stream === true)).toBeCloseTo(0.6, 1);
  expect(share(({ leaveAfterMs }) => leaveAfterMs !== undefined)).toBeCloseTo(0.1, 1);
  expect(share(({ body }) => JSON.stringify(body).length > 400)).toBeCloseTo(1 / 8, 1);
});
