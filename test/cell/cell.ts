// A cell in containers: the pods of its rendered objects in a network with DNS, and an edge in front of its gateways.
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { IPodSpec, IService } from 'kubernetes-models/v1';
import type { CellSpec, Group, Cell as Spec } from '../../infra/deploy/cell-spec.ts';
import { dnsName, GATEWAY_PORT, groupName, MOUNTS, SHARD_PORT } from '../../infra/deploy/names.ts';
import { parseCell } from '../../infra/deploy/parse-cell.ts';
import { cellObjects } from '../../infra/deploy/render.ts';
import { mountedSecret, podSpec, type Workload, workloads } from '../infra/deploy/pods.ts';
import { tinyFolder } from '../support/models/tiny-bundle.ts';
import { eventually, freePort } from '../support/process.ts';
import { type Ended, Pod, type PodPlan } from './pod.ts';
import { containerArguments, type Place } from './pod-arguments.ts';
import { labelOf, podman } from './podman.ts';

interface ShardStatus {
  address: string;
  state: string;
  calls: number;
}

/** Longest time until a pod is ready here. The startup probes allow ten minutes. */
const READY_SECONDS = 120;

export class Cell {
  #spec: Spec;
  readonly #place: Place;
  /** Address of this machine in the network of the cell. */
  readonly host: string;
  /** URL of the edge. */
  readonly edge: string;
  /** The shards of each group, by their ordinals. */
  readonly shards: Map<string, Pod[]> = new Map();
  gateways: Pod[] = [];
  /** Ports of this machine for gateways: one for each, and one for the gateway that is started before another one ends. */
  readonly #ports: number[];
  readonly #portOf = new Map<Pod, number>();
  #started = 0;

  private constructor(spec: Spec, place: Place, host: string, ports: number[], edgePort: number) {
    this.#spec = spec;
    this.#place = place;
    this.host = host;
    this.#ports = ports;
    this.edge = `http://127.0.0.1:${edgePort}`;
  }

  /** Starts all pods and the edge. Resolves when the edge serves. */
  static async start(spec: CellSpec, runName: string, onUnhealthy: Place['onUnhealthy']): Promise<Cell> {
    const parsed = parseCell(spec);
    const network = `eg-${runName}`;
    await podman('network', 'create', '--label', labelOf(runName), network);
    const host = await podman('network', 'inspect', network, '--format', '{{(index .Subnets 0).Gateway}}');
    const place: Place = { runName, network, secrets: await secretsOf(parsed), onUnhealthy };
    const ports: number[] = [];
    while (ports.length <= parsed.gateways.replicas) ports.push(await freePort());
    const cell = new Cell(parsed, place, host, ports, await freePort());
    await Promise.all(parsed.groups.map((group) => cell.#startGroup(group)));
    for (let i = 0; i < parsed.gateways.replicas; i++) await cell.startGateway();
    await cell.#startEdge();
    return cell;
  }

  /** Adds a group to the description of the cell, and starts its shards. */
  async addGroup(group: Group): Promise<void> {
    this.#spec = parseCell({ ...this.#spec, groups: [...this.#spec.groups, group] });
    await this.#startGroup(group);
  }

  async #startGroup({ name, replicas }: Group): Promise<void> {
    this.shards.set(name, []);
    await Promise.all(Array.from({ length: replicas }, (_, ordinal) => this.startShard(name, ordinal)));
  }

  /** Seconds that a shard must be ready before the next of its group is replaced. */
  minReadySeconds(name: string): number {
    const { spec } = this.#setOf(this.#spec, name);
    return spec?.minReadySeconds ?? 0;
  }

  /** Starts a shard of a group and waits until it is ready. `change` are fields of the group that differ from the cell's. */
  async startShard(name: string, ordinal: number, change: Partial<Group> = {}): Promise<Pod> {
    const pod = await this.createShard(name, ordinal, change);
    await pod.ready(READY_SECONDS);
    return pod;
  }

  /** Starts a shard of a group, which need not become ready. */
  async createShard(name: string, ordinal: number, change: Partial<Group> = {}): Promise<Pod> {
    const pods = this.shards.get(name);
    if (pods === undefined) throw new Error(`the cell has no group ${name}`);
    const changed = this.#spec.groups.map((group) => (group.name === name ? { ...group, ...change } : group));
    const spec = { ...this.#spec, groups: changed };
    const set = workloads(spec, 'StatefulSet').find(
      (each) => each.metadata.name === groupName(spec, { name }),
    );
    if (set === undefined) throw new Error(`the objects have no StatefulSet of group ${name}`);
    const pod = await this.#startPod(set, `${set.metadata.name}-${ordinal}`, []);
    pods[ordinal] = pod;
    return pod;
  }

  #setOf(spec: Spec, name: string): Workload {
    const set = workloads(spec, 'StatefulSet').find(
      (each) => each.metadata.name === groupName(spec, { name }),
    );
    if (set === undefined) throw new Error(`the objects have no StatefulSet of group ${name}`);
    return set;
  }

  /** Ends a shard. Its place among the pods of its group remains for the next. */
  async endShard(name: string, ordinal: number): Promise<Ended> {
    const pod = this.shards.get(name)?.[ordinal];
    if (pod === undefined) throw new Error(`group ${name} has no shard ${ordinal}`);
    return await pod.end();
  }

  /** Starts a gateway at a free port and waits until it is ready. */
  async startGateway(): Promise<Pod> {
    const [deployment] = workloads(this.#spec, 'Deployment');
    const hostPort = this.#ports.shift();
    if (deployment === undefined || hostPort === undefined) throw new Error('no place for another gateway');
    const published = [{ port: GATEWAY_PORT, hostPort }];
    const pod = await this.#startPod(deployment, `${deployment.metadata.name}-${++this.#started}`, published);
    this.#portOf.set(pod, hostPort);
    this.gateways.push(pod);
    await pod.ready(READY_SECONDS);
    return pod;
  }

  async endGateway(pod: Pod): Promise<Ended> {
    const ended = await pod.end();
    this.gateways = this.gateways.filter((each) => each !== pod);
    this.#ports.push(this.#portOf.get(pod) ?? Number.NaN);
    return ended;
  }

  /** What a gateway says about a shard. Undefined if it does not know the shard. */
  async statusOf(gateway: Pod, shard: Pod): Promise<ShardStatus | undefined> {
    const response = await fetch(`http://${gateway.address}:${GATEWAY_PORT}/v1/shards`);
    const { data } = (await response.json()) as { data: ShardStatus[] };
    return data.find(({ address }) => address === `${shard.address}:${SHARD_PORT}`);
  }

  /** Waits until every gateway has the shard in a state. */
  async everyGatewayHas(shard: Pod, isSo: (status: ShardStatus | undefined) => boolean, withinMs = 60_000) {
    await eventually(async () => {
      const all = await Promise.all(this.gateways.map((gateway) => this.statusOf(gateway, shard)));
      return all.every(isSo);
    }, withinMs);
  }

  async #startPod(workload: Workload, name: string, published: PodPlan['published']): Promise<Pod> {
    const spec = podSpec(workload);
    const scratch = await scratchOf(spec);
    // A name leads to a pod from its start to its end. Kubernetes does so for shards, but leaves gateways out that are not ready.
    const names = headlessNames(this.#spec, workload);
    return await Pod.start({ name, spec, names, published, scratch }, this.#place);
  }

  /** The edge runs beside the cell, with the settings of a gateway's pod. */
  async #startEdge(): Promise<void> {
    const [deployment] = workloads(this.#spec, 'Deployment');
    if (deployment === undefined) throw new Error('the cell has no gateways');
    const spec = podSpec(deployment);
    const ports = [...this.#portOf.values(), ...this.#ports];
    const args = [
      ...['edge', '--gateways', ports.map((port) => `http://127.0.0.1:${port}`).join(',')],
      ...['--edge-secret-file', `${MOUNTS.edge}/edge-secret`, '--port', new URL(this.edge).port],
    ];
    const edge: IPodSpec = { ...spec, containers: spec.containers.map((each) => ({ ...each, args })) };
    const name = `eg-${this.#place.runName}-edge`;
    const scratch = await scratchOf(spec);
    await podman(
      ...containerArguments(this.#place, { name, podName: 'edge', network: 'host', spec: edge, scratch }),
    );
    await eventually(async () => (await fetch(`${this.edge}/health/ready`).catch(() => undefined))?.ok);
  }
}

/** Names of the headless Services that select the pods. */
function headlessNames(cell: Spec, { spec }: Workload): string[] {
  const labels: Record<string, string> = spec?.template.metadata?.labels ?? {};
  const services = cellObjects(cell).filter(({ kind }) => kind === 'Service') as unknown as IService[];
  return services
    .filter(({ spec: { clusterIP, selector = {} } = {} }) => {
      return clusterIP === 'None' && Object.entries(selector).every(([key, value]) => labels[key] === value);
    })
    .map(({ metadata }) => dnsName(cell, metadata?.name ?? ''));
}

async function secretsOf(cell: Spec): Promise<Record<string, string>> {
  const { security, gateways } = cell;
  const [deployment] = workloads(cell, 'Deployment');
  const group = deployment && podSpec(deployment).securityContext?.fsGroup;
  if (group === undefined) throw new Error('the pods of gateways have no fsGroup');
  const drawn = () => randomBytes(48).toString('base64');
  const made: Record<string, string> = {};
  for (const [name, key] of [
    [security.sharedSecret, 'secret'],
    [gateways.edgeSecret, 'edge-secret'],
  ] as const) {
    if (name !== undefined) made[name] = await readable(await mountedSecret({ [key]: drawn() }), group);
  }
  return made;
}

/** Gives the files of a Secret to the group of the processes, as Kubernetes does for the fsGroup of a pod. */
async function readable(folder: string, group: number): Promise<string> {
  await chmod(folder, 0o755);
  const files = join(folder, '..1');
  for (const name of await readdir(files)) await chown(join(files, name), 0, group);
  return folder;
}

/** An emptyDir: a directory that the group of the pod may write to. */
async function scratchOf({ securityContext }: IPodSpec): Promise<string> {
  const folder = join(await tinyFolder(), 'scratch');
  await mkdir(folder);
  await chown(folder, 0, securityContext?.fsGroup ?? 0);
  await chmod(folder, 0o2770);
  return folder;
}
