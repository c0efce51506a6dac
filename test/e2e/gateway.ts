// Starts gateways, sends completions to them, and reads their streams and metrics.
import { eventually, type Running, startCli } from '../support/process.ts';

export interface Gateway {
  process: Running;
  url: string;
  port: number;
  /** Name of the model that it serves. */
  model: string;
}

export interface Completion {
  model: string;
  choices: { text: string; finish_reason: string; logprobs: unknown }[];
  usage: { prompt_tokens: number; completion_tokens: number };
  expertgrid: { seed: number /** `[choices][tokens]` */; digests?: string[][] };
}

/** One event of a stream, or the error that ended it. */
export interface StreamEvent {
  model?: string;
  choices?: { text: string; finish_reason: string | null }[];
  expertgrid?: { digests?: string[] };
  error?: { message: string; type: string; param: string | null; code: string | null };
  /** Time of arrival, on the clock of `performance.now()`. */
  at: number;
}

const ready = /ready in ([\d.]+) s: (.+?) at (http:\S+?:(\d+)), (\d+) of (\d+) shards connected/;

/** Starts `expertgrid up`. Resolves when it is ready. */
export function startUp(model: string, flags: readonly string[] = []): Promise<Gateway> {
  return gatewayOf(startCli(['up', '--model', model, '--port', '0', '--log-level', 'warn', ...flags]));
}

/** Starts `expertgrid gateway` over shards that run elsewhere. Resolves when it is ready. */
export function startGateway(
  model: string,
  shards: readonly string[],
  flags: readonly string[] = [],
): Promise<Gateway> {
  const own = ['--model', model, '--shards', shards.join(','), '--port', '0', '--log-level', 'warn'];
  return gatewayOf(startCli(['gateway', ...own, ...flags]));
}

/**
 * Starts `expertgrid gateway` over shards that are ready. Resolves when it calls all of them: a gateway listens before it has connected to
 * its shards.
 */
export async function startConnected(...args: Parameters<typeof startGateway>): Promise<Gateway> {
  const gateway = await startGateway(...args);
  await eventually(async () => {
    const { data } = (await (await fetch(`${gateway.url}/v1/shards`)).json()) as {
      data: { state: string }[];
    };
    return data.every(({ state }) => state === 'available');
  });
  return gateway;
}

/** Waits until the process of a gateway is ready. */
export async function gatewayOf(process: Running): Promise<Gateway> {
  const [, , model = '', url = '', port] = await process.says(ready);
  return { process, url, port: Number(port), model };
}

export function post(
  { url, model }: Gateway,
  body: Record<string, unknown>,
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, ignore_eos: true, ...body }),
    ...(signal !== undefined && { signal }),
  });
}

/** Sends a request and returns the whole answer. If the status is an error, throws it with the gateway's log. */
export async function complete(gateway: Gateway, body: Record<string, unknown>): Promise<Completion> {
  const response = await post(gateway, body);
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}\n${gateway.process.stderr}`);
  return JSON.parse(text) as Completion;
}

/** Yields the events of a stream as they come, without `[DONE]`. Calls `done` at `[DONE]`. */
export async function* stream(
  gateway: Gateway,
  body: Record<string, unknown>,
  { signal, done = () => {} }: { signal?: AbortSignal; done?: () => void } = {},
): AsyncGenerator<StreamEvent, void, undefined> {
  const response = await post(gateway, { ...body, stream: true }, signal);
  if (!response.ok || response.body === null) throw new Error(`${response.status} ${await response.text()}`);
  let held = '';
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    const events = (held + piece).split('\n\n');
    held = events.pop() ?? '';
    for (const event of events) {
      const data = event.replace(/^data: /, '');
      if (data === '[DONE]') done();
      else yield { ...(JSON.parse(data) as Omit<StreamEvent, 'at'>), at: performance.now() };
    }
  }
}

export async function readiness({ url }: Gateway): Promise<{
  status: number;
  missing: { layer: number; experts: string }[];
}> {
  const response = await fetch(`${url}/health/ready`);
  const { missing } = (await response.json()) as { missing: { layer: number; experts: string }[] };
  return { status: response.status, missing };
}

/** Samples of /metrics by name with labels, such as `expertgrid_shard_rows_total{priority="bulk"}`. */
export async function scrape(url: string): Promise<Map<string, number>> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const samples = page.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
  );
}

/** Sum of all samples of a name, over all labels. */
export function total(samples: ReadonlyMap<string, number>, name: string): number {
  let sum = 0;
  for (const [key, value] of samples) if (key === name || key.startsWith(`${name}{`)) sum += value;
  return sum;
}

/** A counter of the engine in /metrics. Throws if there is no such counter. */
export async function engineCounter({ url }: Gateway, name: string): Promise<number> {
  const value = (await scrape(url)).get(`expertgrid_engine_${name}_total`);
  if (value === undefined) throw new Error(`/metrics has no engine counter ${name}`);
  return value;
}
