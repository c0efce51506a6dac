// Rules that every object of every cell must keep.

import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { TriggerAuthentication } from '@kubernetes-models/keda/keda.sh/v1alpha1/TriggerAuthentication';
import {
  PrometheusRule,
  ServiceMonitor,
} from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import type { Command } from 'commander';
import { Deployment, type IStatefulSet, StatefulSet } from 'kubernetes-models/apps/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Service } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CALLERS as callersOfShards } from '../../../cli/flags/security-flags.ts';
import { gatewayCommand } from '../../../cli/verbs/gateway.ts';
import { shardCommand } from '../../../cli/verbs/shard.ts';
import { DRAIN_MS } from '../../../experts/admin.ts';
import { parseCell } from '../../../infra/deploy/parse-cell.ts';
import { CALLERS } from '../../../infra/deploy/process-arguments.ts';
import { cellObjects, type KubernetesObject } from '../../../infra/deploy/render.ts';
import { cells } from './objects.ts';

type Labels = Record<string, string>;
type Workload = IStatefulSet & KubernetesObject;

interface Selecting extends KubernetesObject {
  spec: { selector: { matchLabels: Labels } };
}

interface ServiceObject extends KubernetesObject {
  spec: { selector: Labels; ports: { name: string; port: number; targetPort: string }[] };
}

interface MonitorObject extends Selecting {
  spec: { selector: { matchLabels: Labels }; endpoints: { port: string }[] };
}

interface Peer {
  podSelector: { matchLabels: Labels };
  namespaceSelector?: object;
}

interface PolicyRule {
  from?: Peer[];
  to?: Peer[];
  ports: { port: number }[];
}

interface PolicyObject extends KubernetesObject {
  spec: {
    podSelector: { matchLabels: Labels };
    policyTypes: string[];
    ingress: PolicyRule[];
    egress: PolicyRule[];
  };
}

const commands: Record<string, () => Command> = { shard: shardCommand, gateway: gatewayCommand };

/** As in the InferencePool's CustomResourceDefinition, version v1. */
const poolShape = z.strictObject({
  apiVersion: z.literal('inference.networking.k8s.io/v1'),
  kind: z.literal('InferencePool'),
  metadata: z.strictObject({
    name: z.string(),
    namespace: z.string(),
    labels: z.record(z.string(), z.string()),
  }),
  spec: z.strictObject({
    selector: z.strictObject({ matchLabels: z.record(z.string(), z.string().max(63)) }),
    targetPorts: z
      .array(z.strictObject({ number: z.int().min(1).max(65_535) }))
      .min(1)
      .max(8),
    endpointPickerRef: z.strictObject({
      name: z.string().min(1),
      port: z.strictObject({ number: z.int().min(1).max(65_535) }),
      failureMode: z.enum(['FailOpen', 'FailClose']),
    }),
  }),
});

const models = {
  Deployment,
  StatefulSet,
  Service,
  ConfigMap,
  NetworkPolicy,
  PodDisruptionBudget,
  ServiceMonitor,
  PrometheusRule,
  ScaledObject,
  TriggerAuthentication,
} as const;

for (const [name, spec] of Object.entries(cells)) {
  const objects = cellObjects(parseCell(spec));
  const workloads = objects.filter(
    ({ kind }) => kind === 'StatefulSet' || kind === 'Deployment',
  ) as Workload[];
  const templates = workloads.map(({ spec: ofSet }) => ofSet!.template);
  const pods = templates.map((template) => template!.spec!);
  const containers = pods.flatMap((pod) => pod.containers);
  const services = ofKind<ServiceObject>(objects, 'Service');
  const budgets = ofKind<Selecting>(objects, 'PodDisruptionBudget');
  const policies = ofKind<PolicyObject>(objects, 'NetworkPolicy');
  const monitors = ofKind<MonitorObject>(objects, 'ServiceMonitor');
  const podLabels = templates.map((template) => template!.metadata!.labels as Labels);
  const portsOf = (matchLabels: Labels) =>
    pods.flatMap((pod, i) =>
      selects(matchLabels, podLabels[i]!) ? pod.containers.flatMap(({ ports }) => ports!) : [],
    );

  describe(`the objects of ${name}`, () => {
    it('satisfy the schemas of Kubernetes', () => {
      for (const each of objects) {
        if (each.kind === 'InferencePool') poolShape.parse(each);
        else new models[each.kind as keyof typeof models](each as never).validate();
      }
    });

    it('have one name each, in the namespace of the cell', () => {
      const names = objects.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
      expect(new Set(names).size).toBe(names.length);
      expect(new Set(objects.map(({ metadata }) => metadata.namespace))).toEqual(new Set([spec.namespace]));
    });

    it('run without privileges', () => {
      for (const pod of pods) {
        expect(pod.securityContext).toMatchObject({
          runAsNonRoot: true,
          seccompProfile: { type: 'RuntimeDefault' },
        });
        expect(pod.securityContext!.runAsUser).toBeGreaterThan(0);
        expect(pod.automountServiceAccountToken).toBe(false);
      }
      for (const { securityContext } of containers) {
        expect(securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
      }
    });

    it('have requests, limits and an image that does not change', () => {
      for (const { resources, image } of containers) {
        for (const amounts of [resources!.requests!, resources!.limits!]) {
          expect(Object.keys(amounts)).toEqual(expect.arrayContaining(['cpu', 'memory']));
        }
        expect(image).toMatch(/(:[^:/]+|@sha256:[0-9a-f]{64})$/);
        expect(image).not.toMatch(/:latest$/);
      }
    });

    it('have probes of ports that exist, and a start is not cut off for ten minutes', () => {
      for (const { startupProbe, readinessProbe, livenessProbe, ports } of containers) {
        for (const probe of [startupProbe!, readinessProbe!, livenessProbe!]) {
          expect(ports!.map(({ name: port }) => port)).toContain(probe.httpGet!.port);
        }
        expect(startupProbe!.periodSeconds! * startupProbe!.failureThreshold!).toBeGreaterThanOrEqual(600);
        // A draining shard answers 503 without being restarted.
        expect(livenessProbe!.periodSeconds! * livenessProbe!.failureThreshold!).toBeGreaterThan(
          DRAIN_MS / 1000 + 20,
        );
      }
    });

    it('give processes the time to drain', () => {
      for (const {
        terminationGracePeriodSeconds,
        containers: [only],
      } of pods) {
        const grace = only!.args!.indexOf('--grace');
        const drain = grace < 0 ? DRAIN_MS / 1000 : Number(only!.args![grace + 1]);
        const sleep = only!.lifecycle?.preStop?.sleep?.seconds ?? 0;
        expect(terminationGracePeriodSeconds).toBeGreaterThanOrEqual(sleep + drain + 10);
      }
    });

    it('have no secret in the environment, and no variables of other Services', () => {
      for (const { env } of containers) {
        for (const { name: variable, value, valueFrom } of env!) {
          expect(variable).not.toMatch(/^EXPERTGRID_|SECRET|KEY|TOKEN|PASSWORD/i);
          expect(valueFrom === undefined || valueFrom.fieldRef !== undefined).toBe(true);
          expect(value ?? '').not.toMatch(/BEGIN|[A-Za-z0-9+/]{24}/);
        }
      }
      expect(pods.every((pod) => pod.enableServiceLinks === false)).toBe(true);
      expect(ofKind(objects, 'Secret')).toEqual([]);
    });

    it('mount every volume, and no other', () => {
      workloads.forEach((set, i) => {
        const claims = (set.spec!.volumeClaimTemplates ?? []).map(({ metadata }) => metadata!.name);
        const volumes = [...pods[i]!.volumes!.map(({ name: volume }) => volume), ...claims];
        const mounts = pods[i]!.containers.flatMap(({ volumeMounts }) => volumeMounts!);
        expect(new Set(mounts.map(({ name: volume }) => volume))).toEqual(new Set(volumes));
        for (const { name: volume, mountPath, readOnly } of mounts) {
          expect(readOnly === true).toBe(volume !== 'scratch' && volume !== 'state');
          expect(mountPath).toMatch(/^\//);
        }
      });
    });

    it('select pods that exist', () => {
      const selectors = [
        ...services.map((each) => each.spec.selector),
        ...budgets.map((each) => each.spec.selector.matchLabels),
        ...policies.flatMap(({ spec: { podSelector, ingress, egress } }) => [
          podSelector.matchLabels,
          ...[...ingress, ...egress]
            .flatMap((rule) => rule.from ?? rule.to ?? [])
            .filter((peer) => peer.namespaceSelector === undefined)
            .map((peer) => peer.podSelector.matchLabels),
        ]),
        ...ofKind<Selecting>(objects, 'InferencePool').map((each) => each.spec.selector.matchLabels),
        ...workloads.map((set) => set.spec!.selector!.matchLabels),
      ];
      for (const selector of selectors) {
        expect(Object.keys(selector as Labels).length).toBeGreaterThan(0);
        expect(podLabels.some((labels) => selects(selector as Labels, labels))).toBe(true);
      }
      for (const {
        spec: { selector },
      } of monitors) {
        expect(
          services.filter(({ metadata }) => selects(selector.matchLabels, metadata.labels ?? {})),
        ).toHaveLength(1);
      }
    });

    it('name ports that the pods have', () => {
      for (const {
        spec: { selector, ports },
      } of services) {
        const known = portsOf(selector);
        for (const { port, targetPort } of ports) {
          expect(known).toContainEqual({ name: targetPort, containerPort: port });
        }
      }
      for (const {
        spec: { podSelector, ingress },
      } of policies) {
        const known = portsOf(podSelector.matchLabels).map(({ containerPort }) => containerPort);
        for (const { port } of ingress.flatMap((rule) => rule.ports)) expect(known).toContain(port);
      }
      for (const {
        spec: { selector, endpoints },
      } of monitors) {
        const [service] = services.filter(({ metadata }) =>
          selects(selector.matchLabels, metadata.labels ?? {}),
        );
        expect(service!.spec.ports.map((each) => each.name)).toContain(endpoints[0]!.port);
      }
    });

    it('let nobody else reach the pods', () => {
      for (const labels of podLabels) {
        const [policy, ...others] = policies.filter((each) =>
          selects(each.spec.podSelector.matchLabels, labels),
        );
        expect(others).toEqual([]);
        expect(policy!.spec.policyTypes).toEqual(['Ingress', 'Egress']);
        for (const { from = [], ports } of policy!.spec.ingress) {
          expect(from.length).toBeGreaterThan(0);
          expect(ports.length).toBeGreaterThan(0);
        }
        const toRows = policy!.spec.ingress.filter((rule) => rule.ports.some((each) => each.port === 7001));
        const callers = toRows
          .flatMap((rule) => rule.from ?? [])
          .map((peer) => peer.podSelector.matchLabels['app.kubernetes.io/component']);
        expect(['gateway', 'shard', undefined]).toEqual(expect.arrayContaining(callers));
        expect(callers.length > 0).toBe(labels['app.kubernetes.io/component'] === 'shard');
      }
    });

    it('have a budget and a spread for every workload', () => {
      for (const labels of podLabels) {
        const found = budgets.filter((each) => selects(each.spec.selector.matchLabels, labels));
        expect(found).toHaveLength(1);
      }
      for (const [i, pod] of pods.entries()) {
        for (const { labelSelector } of pod.topologySpreadConstraints!) {
          expect(selects(labelSelector!.matchLabels as Labels, podLabels[i]!)).toBe(true);
        }
      }
    });

    it('have arguments that the verbs accept', async () => {
      for (const { args } of containers) {
        const [verb = '', ...flags] = args!;
        let isParsed = false;
        const command = commands[verb]!()
          .exitOverride()
          .configureOutput({ writeErr: () => {} });
        command.action(() => {
          isParsed = true;
        });
        await command.parseAsync(flags, { from: 'user' });
        expect(isParsed).toBe(true);
      }
    });

    it('read credentials from mounted files only', () => {
      for (const { args, volumeMounts } of containers) {
        const files = args!.filter((each) => each.startsWith('/etc/expertgrid/'));
        expect(files.length).toBeGreaterThan(0);
        for (const file of files) {
          expect(volumeMounts!.some(({ mountPath }) => file.startsWith(`${mountPath}/`))).toBe(true);
        }
      }
    });
  });
}

it('shards accept callers by the names that the command line has as default', () => {
  expect(CALLERS).toEqual([...callersOfShards]);
});

function ofKind<T extends KubernetesObject>(objects: readonly KubernetesObject[], kind: string): T[] {
  return objects.filter((each) => each.kind === kind) as T[];
}

function selects(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}
