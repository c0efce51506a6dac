// Turns the description of a pod into arguments of `podman run`. Pure. A field that it does not know is an error, so that no
// setting of a cell goes untested in silence.
import type { IContainer, IPodSpec } from 'kubernetes-models/v1';
import { labelOf } from './podman.ts';

/** What a pod needs from the suite. */
export interface Place {
  runName: string;
  /** The network of the cell. */
  network: string;
  /** Directories of this machine with the files of Secrets, by the names of the Secrets. */
  secrets: Record<string, string>;
  /** Called with the name of a pod that Kubernetes would restart, because its liveness probe fails. */
  onUnhealthy: (pod: string) => void;
}

export interface Sandbox {
  name: string;
  podName: string;
  image: string;
  /** Names in the DNS of the network, such as that of a headless Service. */
  names: readonly string[];
  /** Ports of the container, and the ports of this machine's loopback address that lead to them. */
  published: readonly { port: number; hostPort: number }[];
}

/**
 * Arguments that start the container which keeps the address of a pod, as the pause container of Kubernetes does: the
 * address stays when the process of the pod ends and is started again.
 */
export function sandboxArguments(
  place: Place,
  { name, podName, image, names, published }: Sandbox,
): string[] {
  return [
    ...['run', '--detach', '--name', name, '--label', labelOf(place.runName), '--hostname', podName],
    ...['--network', place.network, ...names.flatMap((each) => ['--network-alias', each])],
    ...published.flatMap(({ port, hostPort }) => ['--publish', `127.0.0.1:${hostPort}:${port}`]),
    ...['--read-only', '--cap-drop', 'all', '--entrypoint', 'sleep', image, 'infinity'],
  ];
}

export interface Running {
  name: string;
  podName: string;
  /** As for `podman run --network`. */
  network: string;
  spec: IPodSpec;
  /** Directory of this machine for the emptyDir volumes of the pod, which outlive its containers. */
  scratch: string;
}

export function containerArguments(
  place: Place,
  { name, podName, network, spec, scratch }: Running,
): string[] {
  const {
    containers,
    volumes = [],
    securityContext = {},
    // The suite waits for the grace period itself (pod.ts). The others have no counterpart in podman.
    terminationGracePeriodSeconds: _grace,
    topologySpreadConstraints: _spread,
    enableServiceLinks: _links,
    automountServiceAccountToken: _token,
    ...unknown
  } = spec;
  requireNone(unknown, 'the pod');
  const [container, ...more] = containers;
  if (container === undefined || more.length > 0) throw new Error(`pod ${podName} must have one container`);
  const { image, args = [], env = [], volumeMounts = [], resources = {}, ...others } = container;
  const variables = new Map(env.map((each) => [each.name, variableValue(each, podName)]));
  return [
    ...['run', '--detach', '--name', name, '--label', labelOf(place.runName), '--network', network],
    ...userArguments(securityContext),
    ...containerSecurity(others),
    ...limits(resources),
    ...[...variables].flatMap(([key, value]) => ['--env', `${key}=${value}`]),
    ...volumeMounts.flatMap((mount) => ['--volume', volumeArgument(mount, volumes, place, scratch)]),
    image ?? '',
    ...args.map((arg) => arg.replaceAll(/\$\((\w+)\)/g, (whole, key) => variables.get(key) ?? whole)),
  ];
}

type Security = NonNullable<IPodSpec['securityContext']>;

function userArguments(security: Security): string[] {
  const {
    runAsUser,
    runAsGroup,
    fsGroup,
    runAsNonRoot,
    // Whether to look at every file of a volume. The suite gives all of them to the group.
    fsGroupChangePolicy: _policy,
    // The profile of the runtime, which podman applies by default.
    seccompProfile: _seccomp,
    ...unknown
  } = security;
  requireNone(unknown, 'the securityContext of the pod');
  if (runAsNonRoot !== true || runAsUser === undefined || runAsUser === 0) {
    throw new Error('the pod must not run as root');
  }
  return ['--user', `${runAsUser}:${runAsGroup}`, '--group-add', `${fsGroup}`];
}

type Others = Omit<IContainer, 'image' | 'args' | 'env' | 'volumeMounts' | 'resources'>;

function containerSecurity(container: Others): string[] {
  const {
    securityContext = {},
    name: _name,
    ports: _ports,
    // pod.ts asks the probes and does what preStop says.
    startupProbe: _startup,
    readinessProbe: _readiness,
    livenessProbe: _liveness,
    lifecycle: _lifecycle,
    ...unknown
  } = container;
  requireNone(unknown, 'the container');
  const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities, ...unknownSecurity } =
    securityContext;
  requireNone(unknownSecurity, 'the securityContext of the container');
  return [
    ...(allowPrivilegeEscalation === false ? ['--security-opt', 'no-new-privileges'] : []),
    // Without the second flag, podman adds writable directories that Kubernetes does not have.
    ...(readOnlyRootFilesystem === true ? ['--read-only', '--read-only-tmpfs=false'] : []),
    ...(capabilities?.drop ?? []).flatMap((each) => ['--cap-drop', each.toLowerCase()]),
  ];
}

function limits({ limits: amounts = {} }: NonNullable<IContainer['resources']>): string[] {
  const { cpu, memory, ...unknown } = amounts;
  requireNone(unknown, 'the limits of the container');
  const [, thousandths] = /^(\d+)m$/.exec(String(cpu)) ?? [];
  const [, mebibytes] = /^(\d+)Mi$/.exec(String(memory)) ?? [];
  if (thousandths === undefined || mebibytes === undefined) {
    throw new Error(`limits of cpu ${cpu} and memory ${memory}: they must end with m and Mi`);
  }
  // Memory and swap together have the same limit, so that nothing is swapped.
  const most = `${mebibytes}m`;
  return ['--cpus', `${Number(thousandths) / 1000}`, '--memory', most, '--memory-swap', most];
}

function variableValue(
  { name, value, valueFrom }: NonNullable<IContainer['env']>[number],
  podName: string,
): string {
  if (value !== undefined) return value;
  const path = valueFrom?.fieldRef?.fieldPath;
  if (path !== 'metadata.name')
    throw new Error(`variable ${name} has a value that is not known here: ${path}`);
  return podName;
}

function volumeArgument(
  { name, mountPath, readOnly = false, ...unknown }: NonNullable<IContainer['volumeMounts']>[number],
  volumes: NonNullable<IPodSpec['volumes']>,
  { secrets }: Place,
  scratch: string,
): string {
  requireNone(unknown, `the mount of ${name}`);
  const volume = volumes.find((each) => each.name === name);
  const secret = volume?.secret?.secretName;
  const source = secret === undefined ? scratch : secrets[secret];
  if (source === undefined) throw new Error(`the suite has no files for the Secret ${secret}`);
  if (secret === undefined && volume?.emptyDir === undefined) {
    throw new Error(`volume ${name} is neither a Secret nor an emptyDir`);
  }
  return `${source}:${mountPath}:${readOnly ? 'ro' : 'rw'}`;
}

function requireNone(unknown: object, of: string): void {
  const names = Object.keys(unknown);
  if (names.length > 0) throw new Error(`${of} has fields that the suite does not know: ${names.join(', ')}`);
}
