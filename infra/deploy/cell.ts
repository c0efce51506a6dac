// A cell as a chart of cdk8s: all objects of Kubernetes that a cell consists of.
import { ApiObject, type ApiObjectProps, Chart } from 'cdk8s';
import type { Construct } from 'constructs';
import { monitoring } from './alerts/monitoring.ts';
import type { Cell } from './cell-spec.ts';
import { gatewayBudget, gatewayDeployment, gatewayServices } from './gateways.ts';
import { inferencePool } from './inference-pool.ts';
import { networkPolicies } from './network-policies.ts';
import { scaledObjects } from './scaling/scaled-objects.ts';
import { groupBudget, groupSet, shardsService } from './shards.ts';

export class CellChart extends Chart {
  constructor(scope: Construct, cell: Cell) {
    super(scope, cell.name, { namespace: cell.namespace, disableResourceNameHashes: true });
    for (const each of objectsOf(cell)) {
      new ApiObject(this, `${each.kind}-${each.metadata?.name}`, each);
    }
  }
}

function objectsOf(cell: Cell): ApiObjectProps[] {
  return [
    ...networkPolicies(cell),
    shardsService(cell),
    ...cell.groups.flatMap((group) => [groupSet(cell, group), groupBudget(cell, group)]),
    ...gatewayServices(cell),
    gatewayDeployment(cell),
    gatewayBudget(cell),
    ...inferencePool(cell),
    ...monitoring(cell),
    ...scaledObjects(cell),
  ];
}
