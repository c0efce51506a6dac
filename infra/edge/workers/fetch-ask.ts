// Sends requests to gateways with the `fetch` of Workers.
import type { Answer, Ask } from '../ask.ts';

export const fetchAsk: Ask = async (url, { method, headers, body, signal }): Promise<Answer> => {
  const answer = await fetch(url, { method, headers, body: body ?? null, redirect: 'manual', signal });
  if (!isCloudflares(answer)) return answer;
  await answer.body?.cancel();
  throw new Error(`Cloudflare answered ${answer.status} for the gateway`);
};

/**
 * True if Cloudflare answered instead of the gateway. If an origin is down, `fetch` on Cloudflare's network does not reject, but
 * returns Cloudflare's own page with a status of 520 to 530.
 */
function isCloudflares({ status }: Response): boolean {
  return status >= 520 && status <= 530;
}
