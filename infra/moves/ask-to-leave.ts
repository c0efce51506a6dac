// Asks a shard to leave service, in the role of an operator, and waits until the shard has left.
import { setTimeout as delay } from 'node:timers/promises';
import { version } from '../../base/package.ts';
import { type DrainAnswer, parseDrainAnswer } from '../../experts/admin.ts';
import { helloParams, PROTOCOL_VERSION } from '../../experts/wire/hello.ts';
import type { Address } from '../../rpc/address.ts';
import type { Security } from '../../rpc/security/credentials.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';

/** Longest time from the shard's answer until the shard has closed its connections. */
const CLOSING_MS = 5_000;

interface LeaveRequest {
  /** Whether the shard leaves even if no other shard serves some of its experts. */
  force: boolean;
  /** Deadline of the shard's answer. The shard needs up to 3 s to ask its gateways, and up to 10 s for calls in flight. */
  deadlineMs: number;
  security?: Security | undefined;
}

/**
 * Resolves when the shard has closed its connections, so that another process may use its port, or 5 s after its answer. If no
 * other shard serves some of its experts, rejects with an RpcError of code `needed`, whose message names the units.
 */
export async function askToLeave(
  address: Address,
  { force, deadlineMs, security }: LeaveRequest,
): Promise<DrainAnswer> {
  const closed = Promise.withResolvers<void>();
  const transport = await openSocketTransport(address, {
    hello: helloParams({ protocol: PROTOCOL_VERSION, role: 'admin', version }),
    onClose: () => closed.resolve(),
    security,
  });
  try {
    const answer = parseDrainAnswer(await transport.call('shard.drain', { force }, { deadlineMs }));
    await Promise.race([closed.promise, delay(CLOSING_MS, undefined, { ref: false })]);
    return answer;
  } finally {
    transport.close();
  }
}
