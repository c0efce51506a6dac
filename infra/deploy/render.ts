// Renders cells and alert rules as YAML, and the dashboard as JSON.
import { App, Yaml } from 'cdk8s';
import { alertGroups } from './alerts/alerts.ts';
import { CellChart } from './cell.ts';
import type { Cell } from './cell-spec.ts';
import { dashboard } from './dashboard/dashboard.ts';

/** An object of Kubernetes as plain data. */
export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string; labels?: Record<string, string> };
}

export function cellObjects(cell: Cell): KubernetesObject[] {
  return new CellChart(new App(), cell).toJson();
}

export function cellYaml(cell: Cell): string {
  return Yaml.stringify(...cellObjects(cell));
}

/** Rules for a Prometheus that reads files. They watch every cell that it scrapes. */
export function rulesYaml(): string {
  return Yaml.stringify({ groups: alertGroups() });
}

/** For a Grafana that reads files. It shows every gateway, shard and edge that Prometheus has. */
export function dashboardJson(): string {
  return `${JSON.stringify(dashboard(), undefined, 2)}\n`;
}
