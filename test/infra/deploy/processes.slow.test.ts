// Runs the processes of a cell with the arguments of its pods, and asks their probes. Only addresses, ports and mounted files differ.
import type { IContainer, IPodSpec, IProbe } from 'kubernetes-models/v1';
import { expect, it } from 'vitest';
import { nano } from '../../../infra/deploy/examples.ts';
import { MOUNTS } from '../../../infra/deploy/names.ts';
import { parseCell } from '../../../infra/deploy/parse-cell.ts';
import { eventually, freePort, type Running, startCli } from '../../support/process.ts';
import { mountedSecret, podSpec, workloads } from './pods.ts';

const cell = parseCell({
  ...nano,
  groups: [
    { name: 'low', experts: '0-47', cpu: 1 },
    { name: 'high', experts: '48-95', cpu: 1 },
  ],
  gateways: { kvMemoryMiB: 64, peers: false, graceSeconds: 20 },
});

interface Pod {
  process: Running;
  /** Status of a probe's answer; undefined without an answer. */
  ask(probe: IProbe): Promise<number | undefined>;
  /** Port of the host for a port of the container. */
  ports: Record<string, number>;
  spec: IPodSpec;
  container: IContainer;
}

function podSpecs(kind: 'StatefulSet' | 'Deployment'): IPodSpec[] {
  return workloads(cell, kind).flatMap((each) =>
    Array.from({ length: each.spec!.replicas! }, () => podSpec(each)),
  );
}

/** Starts the process of a pod. `change` are values of flags that need a cluster. */
async function start(
  spec: IPodSpec,
  name: string,
  secrets: string,
  change: Record<string, string>,
): Promise<Pod> {
  const [container] = spec.containers;
  const ports: Record<string, number> = {};
  for (const port of container!.ports!) ports[port.name!] = await freePort();
  const portOf = (number: string) =>
    `${ports[container!.ports!.find(({ containerPort }) => `${containerPort}` === number)!.name!]}`;
  const args = container!.args!.flatMap((arg, i, all) => {
    if (arg === '--shards-dns') return ['--shards'];
    const flag = all[i - 1]!;
    if (flag in change) return [change[flag]!];
    if (flag === '--host' || flag === '--metrics-host') return ['127.0.0.1'];
    if (flag === '--port' || flag === '--metrics-port') return [portOf(arg)];
    return [arg.replace('$(POD_NAME)', name).replace(MOUNTS.secret, secrets)];
  });
  const ask = async ({ httpGet }: IProbe) => {
    const url = `http://127.0.0.1:${ports[httpGet!.port]}${httpGet!.path}`;
    return (await fetch(url).catch(() => undefined))?.status;
  };
  return { process: startCli(args), ask, ports, spec, container: container! };
}

it('a cell answers its probes, loses no request while a shard leaves, and ends in time', async () => {
  const secrets = await mountedSecret({ secret: 'a secret of the expert plane' });
  const shards = await Promise.all(
    podSpecs('StatefulSet').map((spec, i) => start(spec, `shard-${i}`, secrets, {})),
  );
  const list = shards.map(({ ports }) => `127.0.0.1:${ports.rows}`).join(',');
  const gateway = await start(podSpecs('Deployment')[0]!, 'gateway', secrets, { '--shards-dns': list });
  for (const pod of [...shards, gateway]) {
    await eventually(async () => (await pod.ask(pod.container.startupProbe!)) === 200, 120_000);
    await eventually(async () => (await pod.ask(pod.container.readinessProbe!)) === 200, 120_000);
    expect(await pod.ask(pod.container.livenessProbe!)).toBe(200);
  }
  const complete = (maxTokens: number, n: number) =>
    fetch(`http://127.0.0.1:${gateway.ports.http}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model: cell.bundle.name,
        prompt: 'It was',
        max_tokens: maxTokens,
        n,
        ignore_eos: true,
      }),
    });
  const running = complete(200, 1);
  await end(shards[0]!);
  expect((await running).status).toBe(200);

  const last = complete(400, 16);
  await eventually(async () => {
    const text = await (await fetch(`http://127.0.0.1:${gateway.ports.metrics}/metrics`)).text();
    return /^expertgrid_sequences_running\S* [1-9]/m.test(text);
  });
  gateway.process.signal('SIGTERM');
  await eventually(async () => (await gateway.ask(gateway.container.readinessProbe!)) === 503);
  expect(await gateway.ask(gateway.container.livenessProbe!)).toBe(200);
  expect((await last).status).toBe(200);
  await end(gateway);
  for (const shard of shards.slice(1)) await end(shard);
});

/** Ends a pod as Kubernetes does, and checks that its process ends by itself. */
async function end({ process, spec }: Pod): Promise<void> {
  const begun = performance.now();
  process.signal('SIGTERM');
  expect(await process.exit).toEqual({ code: 0, signal: null });
  expect((performance.now() - begun) / 1000).toBeLessThan(spec.terminationGracePeriodSeconds!);
}
