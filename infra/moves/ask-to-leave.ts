// Asks a shard to leave service, as an operator does, and waits until it has left.
import { setTimeout as delay } from 'node:timers/promises';
import { version } from '../../base/package.ts';
import { type DrainAnswer, parseDrainAnswer } from '../../experts/admin.ts';
import { helloParams, PROTOCOL_VERSION } from '../../experts/wire/hello.ts';
import type { Address } from '../../rpc/address.ts';
import type { Security } from '../../rpc/security/credentials.ts';
import { openSocketTransport } from '../../rpc/socket/socket-transport.ts';

/** A shard that has answered closes its connections within this time. */
const CLOSING_MS = 5_000;

export interface LeaveRequest {
  /** Leave even if no other shard serves some of its experts. */
  force: boolean;
  /** Deadline of the shard's answer. It asks its gateways for up to 3 s and gives calls in flight 10 s to end. */
  deadlineMs: number;
  security?: Security | undefined;
}

/**
 * Resolves when the shard has closed its connections, so that another may take its port. Rejects with an RpcError of code
 * `needed`, whose message names the units, if no other shard serves some of its experts.
 */
export async function askToLeave(
  address: Address,
  { force, deadlineMs, security }: LeaveRequest,
): Promise<DrainAnswer> {
  const closed = Promise.withResolvers<void>();
  const transport = await openSocketTransport(address, {
    hello: helloParams({ protocol: PROTOCOL_VERSION, role: 'admin', version }),
    onClose: () => closed.resolve(),
    ...(security && { security }),
  });
  try {
    const answer = parseDrainAnswer(await transport.call('shard.drain', { force }, { deadlineMs }));
    await Promise.race([closed.promise, delay(CLOSING_MS, undefined, { ref: false })]);
    return answer;
  } finally {
    transport.close();
  }
}
