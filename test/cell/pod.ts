// A pod in podman: a container that keeps its address, and the container of its process. Its probes are asked as Kubernetes asks them.
import { setTimeout as delay } from 'node:timers/promises';
import type { IContainer, IPodSpec, IProbe } from 'kubernetes-models/v1';
import { containerArguments, type Place, type Sandbox, sandboxArguments } from './pod-arguments.ts';
import { logOf, podman } from './podman.ts';

export interface PodPlan extends Pick<Sandbox, 'names' | 'published'> {
  /** Name of the pod. */
  name: string;
  spec: IPodSpec;
  /** Directory for its emptyDir volumes. */
  scratch: string;
}

export interface Ended {
  code: number;
  /** Seconds from the request to end it, of which `spec.terminationGracePeriodSeconds` are the limit. */
  seconds: number;
}

interface State {
  Status: string;
  ExitCode: number;
  OOMKilled: boolean;
  Pid: number;
}

const PROBE_DEFAULTS = { periodSeconds: 10, failureThreshold: 3, timeoutSeconds: 1 };

export class Pod {
  readonly name: string;
  /** Its address in the network of the cell. */
  readonly address: string;
  readonly spec: IPodSpec;
  readonly container: IContainer;
  /** Names of its two containers in podman. */
  readonly #sandbox: string;
  readonly process: string;
  readonly #onUnhealthy: Place['onUnhealthy'];
  #watching = new AbortController();

  private constructor({ name, spec }: PodPlan, place: Place, address: string) {
    this.#onUnhealthy = place.onUnhealthy;
    this.name = name;
    this.address = address;
    this.spec = spec;
    this.container = containerOf(spec);
    this.#sandbox = sandboxName(place, name);
    this.process = processName(place, name);
  }

  /** Starts the process of a pod. `ready` waits until it serves. */
  static async start(plan: PodPlan, place: Place): Promise<Pod> {
    const { name: podName, spec, names, published, scratch } = plan;
    const sandbox = sandboxName(place, podName);
    const { image = '' } = containerOf(spec);
    await podman(...sandboxArguments(place, { name: sandbox, podName, image, names, published }));
    const address = await podman(
      'inspect',
      sandbox,
      '--format',
      '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}',
    );
    const name = processName(place, podName);
    await podman(
      ...containerArguments(place, { name, podName, network: `container:${sandbox}`, spec, scratch }),
    );
    return new Pod(plan, place, address);
  }

  /**
   * Waits for the startup probe, and then for the readiness probe. From then on, the liveness probe is asked. Rejects if the
   * process ends or a probe fails for too long.
   */
  async ready(withinSeconds: number): Promise<void> {
    const { startupProbe, readinessProbe } = this.container;
    const until = performance.now() + withinSeconds * 1_000;
    for (const probe of [startupProbe, readinessProbe]) {
      while (probe !== undefined && !(await this.answers(probe))) {
        const { Status: status } = await this.state();
        if (status !== 'running' || performance.now() > until) {
          throw new Error(
            `pod ${this.name} (${status}) is not ready within ${withinSeconds} s:\n${await this.log()}`,
          );
        }
        await delay(1_000 * (probe.periodSeconds ?? PROBE_DEFAULTS.periodSeconds));
      }
    }
    this.#watching = new AbortController();
    void this.#watch(this.#watching.signal);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { livenessProbe } = this.container;
    if (livenessProbe === undefined) throw new Error(`pod ${this.name} has no liveness probe`);
    const { periodSeconds, failureThreshold } = { ...PROBE_DEFAULTS, ...livenessProbe };
    for (let failures = 0; !signal.aborted; ) {
      const isAlive = await this.answers(livenessProbe);
      if (signal.aborted) return;
      failures = isAlive ? 0 : failures + 1;
      if (failures === failureThreshold) this.#onUnhealthy(this.name);
      await delay(periodSeconds * 1_000, undefined, { signal, ref: false }).catch(() => {}); // aborted: the loop ends
    }
  }

  /** Whether a probe succeeds now. */
  async answers(probe: IProbe): Promise<boolean> {
    const { httpGet, timeoutSeconds = PROBE_DEFAULTS.timeoutSeconds } = probe;
    const url = `http://${this.address}:${this.portOf(String(httpGet?.port))}${httpGet?.path}`;
    const signal = AbortSignal.timeout(timeoutSeconds * 1_000);
    // A connection that fails or takes too long is a failed probe.
    const response = await fetch(url, { signal }).catch(() => undefined);
    await response?.arrayBuffer();
    return response?.ok ?? false;
  }

  portOf(name: string): number {
    const port = this.container.ports?.find((each) => each.name === name);
    if (port === undefined) throw new Error(`pod ${this.name} has no port ${name}`);
    return port.containerPort;
  }

  async state(): Promise<State> {
    return JSON.parse(await podman('inspect', this.process, '--format', '{{json .State}}'));
  }

  /** The end of the output of the process. */
  log(): Promise<string> {
    return logOf(this.process);
  }

  /** Kills the process. The pod keeps its address. */
  async kill(): Promise<void> {
    this.unwatch();
    await podman('kill', '--signal', 'KILL', this.process);
    await this.exited();
  }

  /** Ends the questions of the liveness probe, before the process ends. */
  unwatch(): void {
    this.#watching.abort();
  }

  /** Resolves to the exit code when the process has ended. */
  async exited(): Promise<number> {
    return Number(await podman('wait', this.process));
  }

  /** Starts the process again in the same pod, as Kubernetes does when it has ended. */
  async restart(): Promise<void> {
    await podman('start', this.process);
  }

  /** Ends the pod as Kubernetes does: preStop, SIGTERM, and SIGKILL if the grace period is over. */
  async end(): Promise<Ended> {
    const begun = performance.now();
    const grace = this.spec.terminationGracePeriodSeconds ?? 0;
    const sleep = this.container.lifecycle?.preStop?.sleep?.seconds ?? 0;
    await delay(sleep * 1_000);
    // During the drain, /health still answers, but the process may end between the answer and the next probe.
    this.unwatch();
    await podman('stop', '--time', `${grace - sleep}`, this.process);
    const seconds = (performance.now() - begun) / 1_000;
    const { ExitCode: code } = await this.state();
    await this.remove();
    return { code, seconds };
  }

  async remove(): Promise<void> {
    this.unwatch();
    await podman('rm', '--force', '--time', '0', this.process);
    await podman('rm', '--force', '--time', '0', this.#sandbox);
  }

  /** Id of a process in the network namespace of the pod. */
  async networkPid(): Promise<number> {
    return Number(await podman('inspect', this.#sandbox, '--format', '{{.State.Pid}}'));
  }
}

function containerOf(spec: IPodSpec): IContainer {
  const [container] = spec.containers;
  if (container === undefined) throw new Error('a pod without a container');
  return container;
}

function sandboxName({ runName }: Place, pod: string): string {
  return `eg-${runName}-${pod}`;
}

function processName(place: Place, pod: string): string {
  return `${sandboxName(place, pod)}-process`;
}
