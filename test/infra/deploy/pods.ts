// The pods of a cell, as its rendered objects describe them, and the files of Secrets as Kubernetes mounts them.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IDeployment, IStatefulSet } from 'kubernetes-models/apps/v1';
import type { IPodSpec } from 'kubernetes-models/v1';
import type { Cell } from '../../../infra/deploy/cell-spec.ts';
import { cellObjects } from '../../../infra/deploy/render.ts';
import { tinyFolder } from '../../support/models/tiny-bundle.ts';

/** A StatefulSet or a Deployment. */
export type Workload = (IStatefulSet | IDeployment) & { kind: string; metadata: { name: string } };

export function workloads(cell: Cell, kind: 'StatefulSet' | 'Deployment'): Workload[] {
  return cellObjects(cell).filter((each) => each.kind === kind) as unknown as Workload[];
}

export function podSpec({ spec }: Workload): IPodSpec {
  return spec!.template.spec!;
}

/** A directory such as Kubernetes mounts: each file is a link to a link, so that all files of a Secret change at once. */
export async function mountedSecret(files: Record<string, string>): Promise<string> {
  const dir = await tinyFolder();
  mkdirSync(join(dir, '..1'));
  symlinkSync('..1', join(dir, '..data'));
  for (const [key, value] of Object.entries(files)) {
    writeFileSync(join(dir, '..1', key), value, { mode: 0o440 });
    symlinkSync(join('..data', key), join(dir, key));
  }
  return dir;
}
