// `expertgrid drain`: takes a shard out of service and reports when the shard is safe to delete.
import { Command, InvalidArgumentError, Option } from 'commander';
import { errorText } from '../../base/error-text.ts';
import { DRAIN_MS } from '../../experts/admin.ts';
import { askToLeave } from '../../infra/moves/ask-to-leave.ts';
import { type Address, formatAddress, parseAddress } from '../../rpc/address.ts';
import { toRpcError } from '../../rpc/errors.ts';
import { flag, integer } from '../flags/flags.ts';
import { addSecurityFlags, openCommandSecurity, type SecurityFlags } from '../flags/security-flags.ts';

interface DrainFlags extends SecurityFlags {
  /** Seconds. */
  timeout: number;
  force: boolean;
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
        `Seconds to wait until the shard has left service, 1–600. Its calls in flight have up to ${DRAIN_MS / 1_000} s to end`,
      )
        .argParser(integer({ min: 1, max: 600 }))
        .default(60),
    )
    .addOption(
      // A variable could switch the safeguard off for later commands too, so this flag has no variable.
      new Option('--force', 'Drain the shard even if no other shard serves some of its experts').default(
        false,
      ),
    );
  return addSecurityFlags(command).action(drain);
}

async function drain(address: Address, { timeout, force, ...flags }: DrainFlags): Promise<void> {
  const name = formatAddress(address);
  const security = await openCommandSecurity(flags);
  const { safeToDelete, inFlight } = await askToLeave(address, {
    force,
    security,
    deadlineMs: timeout * 1_000,
  })
    .catch((cause) => {
      const { code, message } = toRpcError(cause);
      const advice =
        code === 'needed' ? '\nRun the command again with --force to drain the shard anyway.' : '';
      throw new Error(`${name} is not drained: ${message}${advice}`, { cause });
    })
    .finally(() => security?.close());
  if (!safeToDelete) {
    throw new Error(`${name} has left service, but ${inFlight} calls were not answered in time`);
  }
  process.stdout.write(`safe to delete ${name}\n`);
}

function toAddress(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    throw new InvalidArgumentError(errorText(error));
  }
}
