// What the pods of gateways and shards have in common: the user, the file system, volumes, probes and resources.
import type {
  IContainer,
  IEnvVar,
  IPodSpec,
  IPodTemplateSpec,
  IProbe,
  IResourceRequirements,
  ITopologySpreadConstraint,
  IVolume,
  IVolumeMount,
} from 'kubernetes-models/v1';
import type { Cell, Gpu } from './cell-spec.ts';
import { type Labels, MOUNTS } from './names.ts';

/** The user and group of the processes. The image needs no such user. */
const USER = 10_001;
const PROBE_SECONDS = 5;
const LIVENESS_SECONDS = 10;
/** Longer than any drain of a shard, during which its /health answers 503. */
const LIVENESS_FAILURES = 6;
const SCRATCH = '1Gi';

/** A volume and the directory at which it is mounted. */
export interface Mounted {
  volume?: IVolume;
  mount: IVolumeMount;
}

export interface PodParts {
  container: Pick<IContainer, 'name' | 'args' | 'ports' | 'lifecycle' | 'resources'> &
    Pick<IContainer, 'startupProbe' | 'readinessProbe' | 'livenessProbe'>;
  env?: IEnvVar[];
  mounted: Mounted[];
  /** Seconds from the request to end a pod until it is killed. */
  terminationSeconds: number;
  labels: Labels;
  spread: ITopologySpreadConstraint[];
}

export function podTemplate(cell: Cell, parts: PodParts): IPodTemplateSpec {
  const { container, env, mounted, terminationSeconds, labels, spread } = parts;
  const all = [...mounted, ...weights(cell), scratch()];
  const running: IContainer = {
    ...container,
    image: cell.image,
    env: [{ name: 'XDG_CACHE_HOME', value: MOUNTS.scratch }, ...(env ?? [])],
    volumeMounts: all.map(({ mount }) => mount),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
  };
  const spec: IPodSpec = {
    // A Service of the name expertgrid would otherwise set EXPERTGRID_PORT, which is the variable of --port.
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: terminationSeconds,
    securityContext: securityContext(),
    topologySpreadConstraints: spread,
    containers: [running],
    volumes: all.flatMap(({ volume }) => volume ?? []),
    ...(cell.imagePullSecret !== undefined && { imagePullSecrets: [{ name: cell.imagePullSecret }] }),
  };
  return { metadata: { labels }, spec };
}

/** With `fsGroup`, the processes can read the files of Secrets, which belong to root. */
function securityContext(): IPodSpec['securityContext'] {
  return {
    runAsNonRoot: true,
    runAsUser: USER,
    runAsGroup: USER,
    fsGroup: USER,
    fsGroupChangePolicy: 'OnRootMismatch',
    seccompProfile: { type: 'RuntimeDefault' },
  };
}

export function resources({ cpu, gpu }: { cpu: number; gpu?: Gpu | undefined }, mebibytes: number) {
  const amounts = {
    cpu: `${Math.round(cpu * 1000)}m`,
    memory: `${mebibytes}Mi`,
    ...(gpu && { [gpu.resource]: `${gpu.count}` }),
  };
  return { requests: amounts, limits: amounts } satisfies IResourceRequirements;
}

/** The probes of a process. Its start may take `startSeconds`, before which nothing restarts it. */
export function probes({ port, ready, startSeconds }: { port: string; ready: string; startSeconds: number }) {
  const get = (path: string) => ({ httpGet: { path, port }, timeoutSeconds: PROBE_SECONDS });
  return {
    startupProbe: {
      ...get('/health'),
      periodSeconds: PROBE_SECONDS,
      failureThreshold: Math.ceil(startSeconds / PROBE_SECONDS),
    },
    readinessProbe: { ...get(ready), periodSeconds: 2, failureThreshold: 2 },
    livenessProbe: {
      ...get('/health'),
      periodSeconds: LIVENESS_SECONDS,
      failureThreshold: LIVENESS_FAILURES,
    },
  } satisfies Record<string, IProbe>;
}

/** The pods with `labels` are on different nodes, and on different zones of the cluster if possible. */
export function spreadOver(
  { spread }: Cell,
  labels: Labels,
  perRevision?: string,
): ITopologySpreadConstraint[] {
  const over = (
    topologyKey: string,
    whenUnsatisfiable: ITopologySpreadConstraint['whenUnsatisfiable'],
  ): ITopologySpreadConstraint => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable,
    labelSelector: { matchLabels: labels },
    ...(perRevision !== undefined && { matchLabelKeys: [perRevision] }),
  });
  const alsoAlone = spread === 'required' ? 'DoNotSchedule' : 'ScheduleAnyway';
  return [over('kubernetes.io/hostname', alsoAlone), over('topology.kubernetes.io/zone', 'ScheduleAnyway')];
}

/** A Secret as a directory of files. Nothing if there is no such Secret. */
export function secretFiles(name: string, secret: string | undefined, mountPath: string): Mounted[] {
  if (secret === undefined) return [];
  const volume: IVolume = { name, secret: { secretName: secret, defaultMode: 0o400 } };
  return [{ volume, mount: { name, mountPath, readOnly: true } }];
}

function weights({ directory }: Cell): Mounted[] {
  if (directory.from === 'image') return [];
  const { claim: claimName, path: mountPath } = directory;
  const volume: IVolume = { name: 'weights', persistentVolumeClaim: { claimName, readOnly: true } };
  return [{ volume, mount: { name: 'weights', mountPath, readOnly: true } }];
}

/** The only directory that every process may write to. */
function scratch(): Mounted {
  const volume: IVolume = { name: 'scratch', emptyDir: { sizeLimit: SCRATCH } };
  return { volume, mount: { name: 'scratch', mountPath: MOUNTS.scratch } };
}
