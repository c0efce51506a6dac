// Makes a Helm chart of a cell. With its default values, the chart gives the same objects as the cell.
import { Yaml } from 'cdk8s';
import { version } from '../../../base/package.ts';
import type { Cell } from '../cell-spec.ts';
import { cellObjects } from '../render.ts';
import { templateOf, withNumbers } from './templates.ts';
import { valuesOf, valuesSchema } from './values.ts';

/** The pods of gateways sleep before they end, which older releases of Kubernetes cannot. */
const KUBERNETES = '>=1.30.0-0';

/** Path in the chart's directory → text. */
export function chartFiles(cell: Cell): Record<string, string> {
  const values = valuesOf(cell);
  const chart = {
    apiVersion: 'v2',
    name: cell.name,
    description: `The cell ${cell.name} of expertgrid: gateways and expert shards`,
    type: 'application',
    version,
    appVersion: version,
    kubeVersion: KUBERNETES,
  };
  const templates = Object.groupBy(cellObjects(cell), ({ kind }) => kind.toLowerCase());
  return {
    'Chart.yaml': Yaml.stringify(chart),
    'values.yaml': Yaml.stringify(values),
    'values.schema.json': `${JSON.stringify(valuesSchema(values), undefined, 2)}\n`,
    ...Object.fromEntries(
      Object.entries(templates).map(([kind, objects = []]) => {
        const yaml = Yaml.stringify(...objects.map((each) => templateOf(cell, each)));
        return [`templates/${kind}.yaml`, withNumbers(yaml)];
      }),
    ),
  };
}
