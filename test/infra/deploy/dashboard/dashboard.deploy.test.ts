// Lets promtool evaluate each query of the dashboard on the pages of a gateway, a shard and an edge. Needs promtool, which is part of
// Prometheus.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Yaml } from 'cdk8s';
import { afterAll, expect, it } from 'vitest';
import { type Section, sections } from '../../../../infra/deploy/dashboard/panels.ts';
import { metricPages } from './metric-pages.ts';

const dir = mkdtempSync(join(tmpdir(), 'expertgrid-dashboard-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** Every sample of the pages as a series that grows, with the labels that Prometheus adds. */
async function grown(): Promise<{ series: string; values: string }[]> {
  const pages = Object.entries(await metricPages());
  return pages.flatMap(([part, page]) =>
    page.split('\n').flatMap((line) => {
      const [, name, labels = ''] = /^([a-z_]\w*)(?:\{(.*)\})? /.exec(line) ?? [];
      if (name === undefined) return [];
      const all = [
        `namespace="ai"`,
        `job="nano-${part}"`,
        `instance="${part}-0"`,
        ...(labels ? [labels] : []),
      ];
      return [{ series: `${name}{${all.join(',')}}`, values: '1+3x60' }];
    }),
  );
}

/** The result of promtool for tests which say that each query has lines, or that none has. */
async function evaluate(of: Section[], hasLines: boolean): Promise<string> {
  const queries = of.flatMap(({ panels }) => panels.flatMap((panel) => panel.queries));
  const test = {
    interval: '1m',
    input_series: await grown(),
    promql_expr_test: queries.map(([, expr]) => ({
      expr: `(count(${expr}) or vector(0)) > bool 0`,
      eval_time: '50m',
      exp_samples: [{ labels: '{}', value: hasLines ? 1 : 0 }],
    })),
  };
  const file = join(dir, 'tests.yaml');
  writeFileSync(file, Yaml.stringify({ rule_files: [], evaluation_interval: '1m', tests: [test] }));
  return execFileSync('promtool', ['test', 'rules', file], { encoding: 'utf8', stdio: 'pipe' });
}

it('every query shows something of the metrics of a cell and of an edge', async () => {
  expect(await evaluate(sections(), true)).toContain('SUCCESS');
});

it('every query of the dashboard of a cell shows something of that cell, and nothing of others', async () => {
  expect(await evaluate(sections({ cell: 'nano', namespace: 'ai' }), true)).toContain('SUCCESS');
  expect(await evaluate(sections({ cell: 'nano', namespace: 'other' }), false)).toContain('SUCCESS');
});
