// The objects of KEDA that scale a cell: one for the gateways, and one for each group of shards.
import type { IScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import type { IScaleTriggers } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaleTriggers';
import type { ITriggerAuthentication } from '@kubernetes-models/keda/keda.sh/v1alpha1/TriggerAuthentication';
import { formatHoldings, parseHoldings } from '../../../experts/holdings.ts';
import { gatewayRules, groupRules, type Pace, timing } from '../../scaling/rules.ts';
import type { Cell, Group, Scaling } from '../cell-spec.ts';
import { cellLabels, gatewayLabels, gatewayName, groupLabels, groupName, type Labels } from '../names.ts';
import { type Read, triggerOf } from './signals.ts';

/** Readings that fail until the signal counts as lost. */
const LOST_READINGS = 3;
/** More than any signal has. In a cell that may be scaled to zero, only the edge decides whether it runs. */
const NEVER = '1000000000';

/** What KEDA scales: the gateways or a group. */
interface Target {
  name: string;
  labels: Labels;
  kind: 'Deployment' | 'StatefulSet';
  reads: Read[];
  /** `replicas` is the least number while the cell runs, and the most if `maxReplicas` is missing. */
  size: Pick<Group, 'replicas' | 'maxReplicas'>;
}

/** Nothing if the number of replicas is fixed. */
export function scaledObjects(cell: Cell): (IScaledObject | ITriggerAuthentication)[] {
  const { scaling } = cell;
  if (scaling === undefined) return [];
  const scaled = targets(cell).filter(({ size }) => isScaled(cell, size));
  return [...edgeSecret(cell, scaling), ...scaled.map((target) => scaledObject(cell, scaling, target))];
}

/** Whether KEDA sets the number of replicas, which the objects of the pods then do not state. */
export function isScaled({ scaling }: Cell, { maxReplicas }: Pick<Group, 'maxReplicas'>): boolean {
  return scaling !== undefined && (maxReplicas !== undefined || scaling.zero !== undefined);
}

/** The experts of a group as a gateway's /v1/scaling writes them. */
export function expertsOf({ bundle }: Pick<Cell, 'bundle'>, { experts }: Pick<Group, 'experts'>): string {
  return formatHoldings(parseHoldings(experts, bundle), bundle);
}

function targets(cell: Cell): Target[] {
  return [
    {
      ...{ name: gatewayName(cell), labels: gatewayLabels(cell), kind: 'Deployment' },
      ...{ reads: gatewayRules.map((rule) => ({ rule })), size: cell.gateways },
    },
    ...cell.groups.map((group): Target => {
      const experts = expertsOf(cell, group);
      const reads = groupRules(group.rowsPerSecond).map((rule) => ({ rule, experts }));
      const [name, labels] = [groupName(cell, group), groupLabels(cell, group)];
      return { name, labels, kind: 'StatefulSet', reads, size: group };
    }),
  ];
}

function scaledObject(
  cell: Cell,
  scaling: Scaling,
  { name, labels, kind, reads, size: { replicas, maxReplicas } }: Target,
): IScaledObject {
  const zero = scaling.zero !== undefined;
  const triggers = reads.map((read) => triggerOf(cell, scaling, read));
  return {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    metadata: { name, labels },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind, name },
      pollingInterval: timing.pollingSeconds,
      cooldownPeriod: timing.cooldownSeconds,
      ...(zero && { idleReplicaCount: 0 }),
      minReplicaCount: replicas,
      maxReplicaCount: maxReplicas ?? replicas,
      // When a signal is lost, replicas stay. With another number than 0, KEDA would never scale a cell without gateways to zero.
      fallback: {
        failureThreshold: LOST_READINGS,
        replicas: zero ? 0 : replicas,
        behavior: 'currentReplicasIfHigher',
      },
      advanced: {
        horizontalPodAutoscalerConfig: {
          behavior: { scaleUp: behaviorOf(timing.up), scaleDown: behaviorOf(timing.down) },
        },
      },
      triggers: [...(zero ? triggers.map(neverActive) : triggers), ...edgeTrigger(cell, scaling)],
    },
  };
}

function behaviorOf({ stabilizationSeconds, policies }: Pace) {
  return {
    stabilizationWindowSeconds: stabilizationSeconds,
    selectPolicy: 'Max',
    policies: policies.map((policy) => ({ ...policy })),
  };
}

function neverActive(trigger: IScaleTriggers): IScaleTriggers {
  const field = trigger.type === 'prometheus' ? 'activationThreshold' : 'activationTargetValue';
  return { ...trigger, metadata: { ...trigger.metadata, [field]: NEVER } };
}

function secretName({ name }: Cell): string {
  return `${name}-edge`;
}

/** Says whether the cell runs at all. Its number of replicas is 1, so it never decides how many there are. */
function edgeTrigger(cell: Cell, { zero }: Scaling): IScaleTriggers[] {
  if (zero === undefined) return [];
  const { edge, region, adminSecret } = zero;
  return [
    {
      type: 'metrics-api',
      name: 'wanted',
      metricType: 'AverageValue',
      metadata: {
        url: `${edge}/v1/scaling`,
        valueLocation: `regions.#(region=="${region}").wanted`,
        targetValue: '1',
        ...(adminSecret !== undefined && { authMode: 'bearer' }),
      },
      ...(adminSecret !== undefined && { authenticationRef: { name: secretName(cell) } }),
    },
  ];
}

/** Lets KEDA read the secret of the edge's operators. */
function edgeSecret(cell: Cell, { zero }: Scaling): ITriggerAuthentication[] {
  const secret = zero?.adminSecret;
  if (secret === undefined) return [];
  return [
    {
      apiVersion: 'keda.sh/v1alpha1',
      kind: 'TriggerAuthentication',
      metadata: { name: secretName(cell), labels: cellLabels(cell) },
      spec: { secretTargetRef: [{ parameter: 'token', name: secret, key: 'admin-secret' }] },
    },
  ];
}
