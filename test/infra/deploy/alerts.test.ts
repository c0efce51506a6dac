// Compares the alert rules with the tables of metrics in docs/operations.md, and with the table of alerts in docs/deploy.md.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../../../base/package.ts';
import { alertGroups } from '../../../infra/deploy/alerts/alerts.ts';
import type { CellSpec } from '../../../infra/deploy/cell-spec.ts';
import { alertsOf, cells } from './objects.ts';

/** Metrics of the tables that no rule watches, because what is right depends on the cell. */
const unwatched = ['expertgrid_layer_hottest_expert_ratio', 'expertgrid_shard_fast_calls_total'];

const operations = readFileSync(join(packageRoot, 'docs/operations.md'), 'utf8');
const rules = alertGroups().flatMap((group) => group.rules);

/** Names of metrics in the first column of the tables. `a_{b,c}_total` names several. */
function documented(): Set<string> {
  const section = operations.split(/^## /m).find((text) => text.startsWith('Metrics\n')) ?? '';
  const [tables = ''] = section.split(/^\*\*Memory/m);
  const cells = tables.split('\n').filter((line) => line.startsWith('| `'));
  const names = cells.flatMap((line) => {
    const [, first = ''] = line.split('|');
    return [...first.matchAll(/expertgrid_[a-z_]+(?:\{[a-z_,]+\}[a-z_]+)?/g)].map(([name]) => name);
  });
  return new Set(names.flatMap(spread));
}

function spread(name: string): string[] {
  const match = /^(\w+)\{([^}]+)\}(\w+)$/.exec(name);
  if (match === null) return [name];
  const [, before, middle = '', after] = match;
  return middle.split(',').map((each) => `${before}${each}${after}`);
}

const watched = new Set(
  rules.flatMap(({ expr }) =>
    [...expr.matchAll(/expertgrid_\w+/g)].map(([name]) => name.replace(/_bucket$/, '')),
  ),
);

it('watches every metric for which the documentation asks for an alert', () => {
  const asked = documented();
  expect(asked.size).toBeGreaterThan(30);
  expect([...asked].filter((name) => !watched.has(name)).sort()).toEqual(unwatched);
});

it('watches no metric that the documentation does not have', () => {
  expect([...watched].filter((name) => !documented().has(name))).toEqual([]);
});

it('watches only the series of a cell in its own rules', () => {
  for (const { rules: ofPart, name } of alertGroups({ cell: 'nano', namespace: 'ai' })) {
    const job = name.replace('expertgrid', 'nano');
    for (const { expr } of ofPart) {
      const metrics = expr.match(/expertgrid_\w+/g) ?? [];
      expect(expr.split(`{namespace="ai",job="${job}"`).length - 1).toBe(metrics.length);
    }
  }
});

it('asks for a gateway in a cell only if the cell cannot be scaled to zero', () => {
  const exprOf = (cell: CellSpec) => {
    const rules = alertsOf(cell).spec?.groups?.[0]?.rules;
    return rules?.find(({ alert }) => alert === 'ExpertgridNoGatewayReady')?.expr;
  };
  expect(exprOf(cells.sigma)).toContain('or vector(0)');
  expect(exprOf(cells.idle)).toBe('max(expertgrid_ready{namespace="expertgrid",job="idle-gateways"}) == 0');
});

it('has one alert of each name, with a sentence as summary', () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const { annotations } of rules) expect(annotations.summary).toMatch(/^([A-Z]|\{\{).*\.$/);
});

it('has a row for every alert in docs/deploy.md, which says what to do', () => {
  const page = readFileSync(join(packageRoot, 'docs/deploy.md'), 'utf8');
  const section = page.split(/^### /m).find((text) => text.startsWith('What each alert means\n')) ?? '';
  const rows = [...section.matchAll(/^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$/gm)];
  expect(rows.map(([, name]) => name)).toEqual(rules.map(({ alert }) => alert));
  for (const [, , meaning, remedy] of rows) expect([meaning, remedy]).not.toContain('');
});
