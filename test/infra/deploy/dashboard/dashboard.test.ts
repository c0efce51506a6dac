// Compares the panels of the dashboard with the pages of metrics, and lays them out.
import { describe, expect, it } from 'vitest';
import { dashboard, dashboardMap } from '../../../../infra/deploy/dashboard/dashboard.ts';
import { sections } from '../../../../infra/deploy/dashboard/panels.ts';
import { nano } from '../../../../infra/deploy/examples.ts';
import { parseCell } from '../../../../infra/deploy/parse-cell.ts';
import { metricPages } from './metric-pages.ts';

interface GridPanel {
  id: number;
  type: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { refId: string; expr: string }[];
}

const cell = { cell: 'nano', namespace: 'ai' };
const queriesOf = (watched?: typeof cell) =>
  sections(watched).flatMap(({ panels }) => panels.flatMap(({ queries }) => queries));
const metricsIn = (expr: string) => expr.match(/\b(?:expertgrid|process)_\w+/g) ?? [];

describe('the dashboard', () => {
  it('shows metrics that gateways, shards and edges have', async () => {
    const pages = Object.values(await metricPages()).join('');
    const known = new Set(
      [...pages.matchAll(/^# TYPE (\S+) (\w+)$/gm)].flatMap(([, name = '', type]) =>
        type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
      ),
    );
    const shown = new Set(queriesOf().flatMap(([, expr]) => metricsIn(expr)));
    expect(shown.size).toBeGreaterThan(40);
    expect([...shown].filter((name) => !known.has(name))).toEqual([]);
  });

  it('names lines by labels that the series still has', async () => {
    for (const [legend, expr] of queriesOf()) {
      const labels = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label);
      const kept = /\bby \(([^)]*)\)/.exec(expr)?.[1]?.split(', ');
      const isSum = /^(sum|max|histogram_quantile)\b/.test(expr);
      for (const label of labels) expect([expr, !isSum || kept?.includes(label!)]).toEqual([expr, true]);
    }
  });

  it('of a cell shows the series of its own gateways and shards only', () => {
    for (const [, expr] of queriesOf(cell)) {
      expect(expr.match(/\{namespace="ai",job="nano-(gateways|shards)"/g)).toHaveLength(
        metricsIn(expr).length,
      );
    }
  });

  it('asks shards for the metrics of shards, and gateways for all others', () => {
    for (const [, expr] of queriesOf(cell)) {
      for (const [, metric = '', part] of expr.matchAll(
        /expertgrid_(\w+)\{namespace="ai",job="nano-(\w+)"/g,
      )) {
        expect([metric, part]).toEqual([metric, metric.startsWith('shard_') ? 'shards' : 'gateways']);
      }
    }
  });

  it('has panels that do not overlap, each with a number of its own', () => {
    const panels = dashboard().panels as GridPanel[];
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
    for (const { targets = [] } of panels) {
      expect(targets.map(({ refId }) => refId)).toEqual(['A', 'B', 'C', 'D'].slice(0, targets.length));
    }
  });

  it('of a cell is in a ConfigMap that the sidecar of Grafana loads', () => {
    const { metadata, data } = dashboardMap(parseCell(nano));
    expect(metadata?.labels).toMatchObject({ grafana_dashboard: '1' });
    expect(JSON.parse(data!['expertgrid-nano.json']!)).toEqual(
      dashboard({ cell: nano.name, namespace: nano.namespace }),
    );
  });
});
