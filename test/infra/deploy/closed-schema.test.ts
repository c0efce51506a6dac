// Lets the compiler check the rendered objects against the types of Kubernetes. Unlike the schemas, it also refuses fields that do not
// exist, such as misspelt ones.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { packageRoot } from '../../../base/package.ts';
import { parseCell } from '../../../infra/deploy/parse-cell.ts';
import { cellObjects, type KubernetesObject } from '../../../infra/deploy/render.ts';
import { cells } from './objects.ts';

/** Where the type of each kind comes from. */
const modules: Record<string, string> = {
  Deployment: 'kubernetes-models/apps/v1',
  StatefulSet: 'kubernetes-models/apps/v1',
  Service: 'kubernetes-models/v1',
  ConfigMap: 'kubernetes-models/v1',
  NetworkPolicy: 'kubernetes-models/networking.k8s.io/v1',
  PodDisruptionBudget: 'kubernetes-models/policy/v1',
  ServiceMonitor: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
  PrometheusRule: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
  ScaledObject: '@kubernetes-models/keda/keda.sh/v1alpha1',
  TriggerAuthentication: '@kubernetes-models/keda/keda.sh/v1alpha1',
};

const dir = mkdtempSync(join(tmpdir(), 'expertgrid-types-'));
symlinkSync(join(packageRoot, 'node_modules'), join(dir, 'node_modules'));
afterAll(() => rmSync(dir, { recursive: true }));

/** What the compiler says about the objects; empty if they have only fields that exist. */
function compile(objects: readonly KubernetesObject[]): string {
  const imports = Object.entries(modules).map(([kind, name]) => `import type { I${kind} } from '${name}';\n`);
  const typed = objects.filter(({ kind }) => kind in modules);
  const values = typed.map((each, i) => `export const _${i}: I${each.kind} = ${JSON.stringify(each)};\n`);
  const file = join(dir, 'objects.ts');
  writeFileSync(file, [...imports, ...values].join(''));
  const compiler = join(packageRoot, 'node_modules/typescript/bin/tsc');
  const options = [
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--module',
    'nodenext',
    '--ignoreConfig',
    '--types',
    '',
  ];
  return spawnSync(process.execPath, [compiler, ...options, file], { cwd: dir, encoding: 'utf8' }).stdout;
}

const objects = Object.values(cells).flatMap((spec) => cellObjects(parseCell(spec)));

it('every object has only fields that Kubernetes has', () => {
  expect(new Set(objects.map(({ kind }) => kind))).toEqual(
    new Set([...Object.keys(modules), 'InferencePool']),
  );
  expect(compile(objects)).toBe('');
});

it('a misspelt field is found at any depth', () => {
  const [set] = objects.filter(({ kind }) => kind === 'StatefulSet');
  const text = JSON.stringify(set).replace('"readOnlyRootFilesystem"', '"readonlyRootFilesystem"');
  expect(compile([JSON.parse(text)])).toMatch(/readonlyRootFilesystem\S* does not exist/);
});
