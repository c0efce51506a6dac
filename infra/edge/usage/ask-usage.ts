// Asks a gateway for the usage of a request whose end the edge did not see.
import { readUsageReport, type UsageReport } from '../../../resume/usage-report.ts';
import { readWhole } from '../ask.ts';
import { sleep } from '../repeats.ts';
import { anyone } from '../requests/call.ts';
import type { Shared } from '../send.ts';
import { randomHex } from '../sign.ts';

/** Waits before each question. A gateway knows the usage as soon as it has noticed that its client is gone. */
const WAITS_MS = [20, 50, 100, 200, 400, 800, 1_600];
const PATIENCE_MS = 2_000;
const LARGEST_REPORT = 4_096;

export type Parts = Pick<Shared, 'ask' | 'sign' | 'hashing' | 'region'>;

/** `id` is that of the claim `answer`. Undefined if the gateway does not answer, or does not know the request. */
export async function askUsage(gateway: string, id: string, parts: Parts): Promise<UsageReport | undefined> {
  for (const waitMs of WAITS_MS) {
    await sleep(waitMs, new AbortController().signal);
    const found = await askOnce(gateway, id, parts);
    if (found !== 'not yet' && found !== 'silent') return found;
  }
  return undefined;
}

/** Asks each gateway once. Gateways that do not answer are added to `silent`, and are not asked again. */
export async function askAllUsage(
  gateways: readonly string[],
  id: string,
  parts: Parts,
  silent: Set<string>,
): Promise<UsageReport | undefined> {
  for (const gateway of gateways) {
    if (silent.has(gateway)) continue;
    const found = await askOnce(gateway, id, parts);
    if (found === 'silent') silent.add(gateway);
    else if (found !== 'not yet') return found;
  }
  return undefined;
}

async function askOnce(
  gateway: string,
  id: string,
  { ask, sign, hashing, region }: Parts,
): Promise<UsageReport | 'not yet' | 'silent'> {
  if (sign === undefined) return 'silent';
  const [method, path] = ['GET', `/v1/usage/${id}`];
  const body = await hashing.sha256(new Uint8Array());
  const claims = { ...anyone, body, request: `usage_${randomHex(8)}`, region };
  try {
    const headers = new Headers(await sign({ method, path, claims }));
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const answer = await ask(`${gateway}${path}`, { method, headers, body: undefined, signal });
    const bytes = await readWhole(answer.body, LARGEST_REPORT);
    const report = answer.status === 200 ? readUsageReport(new TextDecoder().decode(bytes)) : undefined;
    return report ?? 'not yet';
  } catch {
    return 'silent'; // the caller asks again, or estimates the usage
  }
}
