// Writes the panels as a dashboard of Grafana, in its classic JSON model.
import type { IConfigMap } from 'kubernetes-models/v1';
import type { WatchedCell } from '../alerts/series.ts';
import type { Cell } from '../cell-spec.ts';
import { cellLabels } from '../names.ts';
import { type Panel, sections } from './panels.ts';

/** The sidecar of Grafana's Helm chart loads ConfigMaps with this label. */
const SIDECAR_LABEL = { grafana_dashboard: '1' };

/** Columns of Grafana's grid, and the size of a panel on it. */
const GRID = 24;
const WIDTH = 6;
const HEIGHT = 7;

/** The user of the dashboard chooses which Prometheus is asked. */
const SOURCE = { type: 'prometheus', uid: '$datasource' };

/** Shows every gateway, shard and edge that Prometheus has, or only those of a cell. */
export function dashboard(watched?: WatchedCell) {
  return {
    title: watched === undefined ? 'expertgrid' : `expertgrid: ${watched.cell}`,
    tags: ['expertgrid'],
    schemaVersion: 39,
    refresh: '30s',
    time: { from: 'now-1h', to: 'now' },
    templating: {
      list: [{ name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' }],
    },
    panels: placed(watched),
  };
}

export function dashboardMap(cell: Cell): IConfigMap {
  const json = JSON.stringify(dashboard({ cell: cell.name, namespace: cell.namespace }));
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `${cell.name}-dashboard`, labels: { ...cellLabels(cell), ...SIDECAR_LABEL } },
    data: { [`expertgrid-${cell.name}.json`]: json },
  };
}

/** A heading for each section, and its panels below it from left to right. */
function placed(watched: WatchedCell | undefined): object[] {
  const made: object[] = [];
  let y = 0;
  for (const { title, panels } of sections(watched)) {
    made.push({ type: 'row', title, id: made.length + 1, gridPos: { x: 0, y: y++, w: GRID, h: 1 } });
    panels.forEach((panel, i) => {
      const [x, line] = [(i * WIDTH) % GRID, Math.floor((i * WIDTH) / GRID)];
      made.push(panelOf(panel, made.length + 1, { x, y: y + line * HEIGHT, w: WIDTH, h: HEIGHT }));
    });
    y += Math.ceil((panels.length * WIDTH) / GRID) * HEIGHT;
  }
  return made;
}

function panelOf({ title, unit, queries }: Panel, id: number, gridPos: object): object {
  return {
    type: 'timeseries',
    title,
    id,
    gridPos,
    datasource: SOURCE,
    fieldConfig: { defaults: { unit, min: 0 } },
    targets: queries.map(([legendFormat, expr], i) => ({
      refId: String.fromCharCode('A'.charCodeAt(0) + i),
      expr,
      legendFormat,
    })),
  };
}
