// Asks a gateway for the usage of a request whose end the edge did not see.
import { readUsageReport, type UsageReport } from '../../../resume/usage-report.ts';
import { type Asking, askGateway } from '../own-request.ts';
import { sleep } from '../repeats.ts';

/** Waits before each question. A gateway knows the usage as soon as it has noticed that its client is gone. */
const WAITS_MS = [20, 50, 100, 200, 400, 800, 1_600];
const LARGEST_REPORT = 4_096;

/** `id` is that of the claim `answer`. Undefined if the gateway does not answer, or does not know the request. */
export async function askUsage(gateway: string, id: string, parts: Asking): Promise<UsageReport | undefined> {
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
  parts: Asking,
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
  parts: Asking,
): Promise<UsageReport | 'not yet' | 'silent'> {
  const question = { gateway, path: `/v1/usage/${id}`, purpose: 'usage', most: LARGEST_REPORT };
  const answer = await askGateway(question, parts);
  if (answer === undefined) return 'silent'; // the caller asks again, or estimates the usage
  return (answer.text === undefined ? undefined : readUsageReport(answer.text)) ?? 'not yet';
}
