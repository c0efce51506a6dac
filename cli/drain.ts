// `expertgrid drain`: takes a shard out of service, and says when its process may be deleted.
import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { type DrainAnswer, parseDrainAnswer } from '../experts/admin.ts';
import { helloParams, protocolVersion } from '../experts/wire.ts';
import { type Address, formatAddress, parseAddress } from '../rpc/address.ts';
import type { Security } from '../rpc/security.ts';
import { openSocketTransport } from '../rpc/socket-transport.ts';
import { flag, integer } from './flags.ts';
import { addSecurityFlags, openSecurity, type SecurityFlags, securityPaths } from './security-flags.ts';
import { version } from './version.ts';

/** A shard that has answered closes its connections within this. Milliseconds. */
const CLOSING = 5_000;

interface DrainFlags extends SecurityFlags {
  timeout: number;
}

export function drainCommand(): Command {
  const command = new Command('drain')
    .description(
      'Take a shard out of service: it finishes its calls, other shards take over, and its process ends.',
    )
    .argument('<host:port>', 'Address of the shard', toAddress)
    .addOption(
      flag(
        '--timeout <seconds>',
        'How long to wait for the answer, 1–600 s; the shard gives its calls up to 10 s to end',
      )
        .argParser(integer({ min: 1, max: 600 }))
        .default(60),
    );
  return addSecurityFlags(command).action(drain);
}

async function drain(address: Address, { timeout, ...flags }: DrainFlags): Promise<void> {
  const name = formatAddress(address);
  const paths = securityPaths(flags);
  const log = (level: string, message: string) => void process.stderr.write(`${level}: ${message}\n`);
  const security = paths && (await openSecurity(paths, { log }));
  const { safeToDelete, inFlight } = await askToLeave(address, { security, deadlineMs: timeout * 1_000 })
    .catch((cause: Error) => {
      throw new Error(`${name} is not drained: ${cause.message}`, { cause });
    })
    .finally(() => security?.close());
  if (!safeToDelete) {
    throw new Error(
      `${name} has left service with ${inFlight} calls unanswered: they were too long under way`,
    );
  }
  process.stdout.write(`safe to delete ${name}\n`);
}

/** Resolves when the shard has closed its connections, so that another may take its port. */
async function askToLeave(
  address: Address,
  { security, deadlineMs }: { security: Security | undefined; deadlineMs: number },
): Promise<DrainAnswer> {
  const closed = Promise.withResolvers<void>();
  const transport = await openSocketTransport(address, {
    hello: helloParams({ protocol: protocolVersion, role: 'admin', version }),
    onClose: () => closed.resolve(),
    ...(security && { security }),
  });
  try {
    const answer = parseDrainAnswer(await transport.call('shard.drain', {}, { deadlineMs }));
    await Promise.race([closed.promise, delay(CLOSING, undefined, { ref: false })]);
    return answer;
  } finally {
    transport.close();
  }
}

function toAddress(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}
