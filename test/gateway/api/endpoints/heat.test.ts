// GET /v1/experts/heat and the heat in /metrics, through HTTP.
import { expect, test } from 'vitest';
import { readHeat, usualRows } from '../../../../infra/placement/read-heat.ts';
import { openRoom } from '../harness.ts';

const heat = {
  layers: 2,
  experts: 3,
  halfLifeSeconds: 600,
  counts: Float64Array.of(1.5, 0, 4.123456789, 2, 2, 2),
  totals: Float64Array.of(3, 0, 9, 4, 4, 4),
  steps: [
    { rows: 1, count: 3 },
    { rows: 8, count: 2.5 },
  ],
  successors: [[[[2, 1.25] as const, [0, 0.25] as const], [], [[1, 4] as const]]],
};

test('returns heat by layer and expert, and transitions from expert to expert only with ?transitions=1', async () => {
  const { url } = await openRoom({ heat });
  const response = await fetch(`${url}/v1/experts/heat`);
  const body = await response.json();
  expect(response.status).toBe(200);
  expect(body).toMatchObject({
    object: 'experts.heat',
    model: 'fake',
    layers: 2,
    experts: 3,
    half_life_seconds: 600,
    counts: [
      [1.5, 0, 4.12346],
      [2, 2, 2],
    ],
    totals: [
      [3, 0, 9],
      [4, 4, 4],
    ],
  });
  expect(body).not.toHaveProperty('transitions');
  const whole = await (await fetch(`${url}/experts/heat?transitions=1`)).json();
  expect(whole).toHaveProperty('transitions', [
    [
      [
        [2, 1.25],
        [0, 0.25],
      ],
      [],
      [[1, 4]],
    ],
  ]);
});

test('the planner can read the answer', async () => {
  const { url } = await openRoom({ heat });
  const read = readHeat(await (await fetch(`${url}/v1/experts/heat?transitions=1`)).json());
  expect(read.counts[1]).toEqual([2, 2, 2]);
  expect(read.successors?.[0]?.[2]).toEqual([[1, 4]]);
  expect(usualRows(read)).toBe(8);
});

test('unknown transitions are null, invalid queries are a 400, and a late engine is a 503', async () => {
  const { url, engine } = await openRoom({ limits: { statusMs: 20 } });
  const without = await (await fetch(`${url}/v1/experts/heat?transitions=1`)).json();
  expect(without).toHaveProperty('transitions', null);
  const wrong = await fetch(`${url}/v1/experts/heat?transitions=yes`);
  expect([wrong.status, await wrong.json()]).toMatchObject([400, { error: { param: 'transitions' } }]);
  engine.options = { ...engine.options, statusMs: 60_000 };
  const late = await fetch(`${url}/v1/experts/heat`);
  expect([late.status, late.headers.get('retry-after')]).toEqual([503, '1']);
  expect((await fetch(`${url}/v1/experts/heat`, { method: 'POST' })).status).toBe(405);
});

test('/metrics has the rows of each used expert, and for each layer the ratio of its hottest expert to the mean', async () => {
  const { url } = await openRoom({ heat });
  const page = await (await fetch(`${url}/metrics`)).text();
  expect(page).toContain('expertgrid_expert_rows_total{layer="0",expert="2"} 9\n');
  expect(page).not.toContain('{layer="0",expert="1"}');
  expect(page).toContain('expertgrid_layer_hottest_expert_ratio{layer="0"} 2.19978\n');
  expect(page).toContain('expertgrid_layer_hottest_expert_ratio{layer="1"} 1\n');
});

test('/metrics has only the ratio of each layer if the model has too many experts', async () => {
  const [layers, experts] = [65, 128];
  const many = new Float64Array(layers * experts).fill(1);
  const { url } = await openRoom({ heat: { ...heat, layers, experts, counts: many, totals: many } });
  const page = await (await fetch(`${url}/metrics`)).text();
  expect(page).not.toContain('expertgrid_expert_rows_total');
  expect(page).toContain('expertgrid_layer_hottest_expert_ratio{layer="64"} 1\n');
});

test.each([
  [[], 'the answer must be an object'],
  [{ layers: 0 }, 'layers must be a whole number above 0'],
  [{ model: null }, 'model must be the identity'],
  [{ counts: [[1]] }, 'counts has 1 entries, not 2'],
  [
    {
      counts: [
        [1, 2],
        [1, -2],
      ],
    },
    'counts[1] must be numbers of at least 0',
  ],
  [{ steps: [4] }, 'an entry of steps must be an object'],
  [{ transitions: [[[[2, 1]], []]] }, 'transitions name expert 2 of 2'],
  [{ transitions: [] }, 'transitions has 0 entries, not 1'],
])('the planner refuses an answer with %j', (wrong, reason) => {
  const counts = [
    [1, 2],
    [3, 4],
  ];
  const sound = { model: 'm', layers: 2, experts: 2, counts, steps: [], half_life_seconds: 600 };
  expect(() => readHeat(Array.isArray(wrong) ? wrong : { ...sound, ...wrong })).toThrow(reason);
});
