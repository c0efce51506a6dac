// Renders the charts of cells with Helm and compares the result with the objects of the cells. Needs helm 3 or newer.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Yaml } from 'cdk8s';
import { afterAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { CellSpec } from '../../../infra/deploy/cell-spec.ts';
import { chartFiles } from '../../../infra/deploy/chart/chart.ts';
import { parseCell } from '../../../infra/deploy/parse-cell.ts';
import { cellObjects, type KubernetesObject } from '../../../infra/deploy/render.ts';
import { cells } from './objects.ts';

const dir = mkdtempSync(join(tmpdir(), 'expertgrid-chart-'));
afterAll(() => rmSync(dir, { recursive: true }));

for (const [name, spec] of Object.entries(cells)) {
  const chart = join(dir, name);
  for (const [path, text] of Object.entries(chartFiles(parseCell(spec)))) write(join(chart, path), text);

  describe(`the chart of ${name}`, () => {
    it('passes the checks of helm lint', () => {
      expect(helm('lint', '--strict', chart)).toContain('1 chart(s) linted, 0 chart(s) failed');
    });

    it('gives the objects of the cell', () => {
      expect(rendered(chart, spec.namespace)).toEqual(sorted(cellObjects(parseCell(spec))));
    });

    it('gives the objects of another cell with the values of that cell', () => {
      const other = changed(spec);
      const values = join(dir, `${name}-values.yaml`);
      write(values, chartFiles(parseCell(other))['values.yaml']!);
      expect(rendered(chart, other.namespace, '--values', values)).toEqual(
        sorted(cellObjects(parseCell(other))),
      );
    });

    it('refuses a value that it does not have', () => {
      const values = join(dir, 'wrong.yaml');
      write(values, Yaml.stringify({ gateways: { replica: 3 } }));
      const { status, stderr } = spawnSync('helm', ['template', name, chart, '--values', values], {
        encoding: 'utf8',
      });
      expect(status).toBe(1);
      expect(stderr).toContain('replica');
    });
  });
}

/** The cell with another value for everything that a chart has values for. */
function changed(spec: CellSpec): CellSpec {
  const { directory, experts } = spec;
  return {
    ...spec,
    namespace: 'elsewhere',
    image: `mirror.example.com:5000/expertgrid@sha256:${'ab'.repeat(32)}`,
    directory: directory.from === 'claim' ? { ...directory, claim: 'other-claim' } : directory,
    ...(experts?.from === 'https' && { experts: { ...experts, url: 'https://other.example.com/model/' } }),
    gateways: { ...spec.gateways, replicas: 5, ...most(spec.gateways), cpu: 2.5, memoryMiB: 4000 },
    groups: spec.groups.map((group, i) => ({
      ...group,
      replicas: 3 + i,
      ...most(group),
      cpu: 1.25 + i,
      memoryMiB: 3000 + i,
    })),
  };
}

/** Only if the number of replicas is not fixed. */
function most({ maxReplicas }: { maxReplicas?: number | undefined } = {}) {
  return maxReplicas === undefined ? {} : { maxReplicas: maxReplicas + 10 };
}

function rendered(chart: string, namespace: string, ...flags: string[]): KubernetesObject[] {
  const text = helm('template', 'release', chart, '--namespace', namespace, ...flags);
  return sorted(parseAllDocuments(text, { version: '1.1' }).map((each) => each.toJS()));
}

/** Helm sorts objects by kind. */
function sorted(objects: KubernetesObject[]): KubernetesObject[] {
  const keyOf = ({ kind, metadata }: KubernetesObject) => `${kind}/${metadata.name}`;
  return objects.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function helm(...args: string[]): string {
  return execFileSync('helm', args, { encoding: 'utf8' });
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
