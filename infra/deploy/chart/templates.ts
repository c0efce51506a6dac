// Turns the objects of a cell into templates of Helm: fields that values set become expressions.
import type { IScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import type { IStatefulSet } from 'kubernetes-models/apps/v1';
import type { IContainer, IResourceRequirements } from 'kubernetes-models/v1';
import type { Cell } from '../cell-spec.ts';
import { GROUP_LABEL } from '../names.ts';
import type { KubernetesObject } from '../render.ts';

/** Marks an expression whose result is a number, so that it is written without quotes. */
const NUMBER = 'number:';

type Workload = KubernetesObject & Pick<IStatefulSet, 'spec'>;

export function templateOf(cell: Cell, object: KubernetesObject): KubernetesObject {
  const escaped = mapTexts(object, (text) => inNamespace(cell, text.replaceAll('{{', '{{ `{{` }}')));
  const { metadata } = escaped;
  const placed = { ...escaped, metadata: { ...metadata, namespace: '{{ .Release.Namespace }}' } };
  return templates[object.kind]?.(placed) ?? placed;
}

/** By kind. Objects of other kinds have no values but the namespace. */
const templates: Partial<Record<string, (object: KubernetesObject) => KubernetesObject>> = {
  Deployment: workloadOf,
  StatefulSet: workloadOf,
  ScaledObject: scalingOf,
};

/** The values of the gateways or of a group. */
function valuesOf({ metadata }: KubernetesObject): string {
  const group = metadata.labels?.[GROUP_LABEL];
  // Names of groups may contain hyphens, which a path after a dot may not.
  return group === undefined ? '.Values.gateways' : `(index .Values.groups \`${group}\`)`;
}

function scalingOf(object: KubernetesObject & Partial<Pick<IScaledObject, 'spec'>>): KubernetesObject {
  const { spec } = object;
  if (spec === undefined) throw new Error(`${object.kind} without a spec`);
  const values = valuesOf(object);
  const replicas = `${NUMBER}{{ ${values}.replicas }}`;
  const { fallback, idleReplicaCount } = spec;
  const changed = {
    ...spec,
    minReplicaCount: replicas,
    maxReplicaCount: `${NUMBER}{{ ${values}.maxReplicas }}`,
    // A cell that may be scaled to zero has 0 here.
    ...(idleReplicaCount === undefined && { fallback: { ...fallback, replicas } }),
  };
  return { ...object, spec: changed } as KubernetesObject;
}

/** Removes the quotes around numbers. */
export function withNumbers(yaml: string): string {
  return yaml.replaceAll(new RegExp(`(["']?)${NUMBER}(\\{\\{.*?\\}\\})\\1`, 'g'), '$2');
}

/** The release decides the namespace, which names in DNS and labels of metrics contain. The quotes are escaped in JSON. */
function inNamespace({ namespace }: Cell, text: string): string {
  return text
    .replaceAll(`.${namespace}.svc`, '.{{ .Release.Namespace }}.svc')
    .replaceAll(`namespace="${namespace}"`, 'namespace="{{ .Release.Namespace }}"')
    .replaceAll(`namespace=\\"${namespace}\\"`, 'namespace=\\"{{ .Release.Namespace }}\\"');
}

function workloadOf(workload: Workload): KubernetesObject {
  const { spec } = workload;
  const pod = spec?.template?.spec;
  if (spec === undefined || pod === undefined) throw new Error(`${workload.kind} without a pod`);
  const values = valuesOf(workload);
  const changed = {
    ...spec,
    ...(spec.replicas !== undefined && { replicas: `${NUMBER}{{ ${values}.replicas }}` }),
    template: {
      ...spec.template,
      spec: {
        ...pod,
        containers: pod.containers.map((each) => containerOf(each, values)),
        volumes: pod.volumes?.map((volume) => {
          const { persistentVolumeClaim: claim } = volume;
          if (claim === undefined) return volume;
          return { ...volume, persistentVolumeClaim: { ...claim, claimName: '{{ .Values.model.claim }}' } };
        }),
      },
    },
  };
  return { ...workload, spec: changed } as KubernetesObject;
}

function containerOf(container: IContainer, values: string): IContainer {
  const amounts = {
    cpu: `{{ printf \`%.0fm\` (mulf ${values}.cpu 1000) }}`,
    memory: `{{ ${values}.memoryMiB }}Mi`,
  };
  const { requests, limits } = container.resources ?? {};
  const resources: IResourceRequirements = {
    requests: { ...requests, ...amounts },
    limits: { ...limits, ...amounts },
  };
  return { ...container, image: '{{ .Values.image }}', resources, args: argumentsOf(container, values) };
}

function argumentsOf({ args = [] }: IContainer, values: string): string[] {
  return args.map((argument, i) => {
    if (args[i - 1] === '--threads') return `{{ max 1 (int (floor ${values}.cpu)) }}`;
    return args[i - 1] === '--model' && argument.startsWith('https:') ? '{{ .Values.model.url }}' : argument;
  });
}

function mapTexts<T>(tree: T, change: (text: string) => string): T {
  const map = (node: unknown): unknown => {
    if (typeof node === 'string') return change(node);
    if (Array.isArray(node)) return node.map(map);
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, map(value)]));
  };
  return map(tree) as T;
}
