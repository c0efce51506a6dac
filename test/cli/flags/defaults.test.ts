// Checks that the defaults in --help are the defaults of the modules that use them.
import type { Command, Option } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeFlag } from '../../../cli/terminal/help.ts';
import { createProgram } from '../../../cli/verbs.ts';
import { DRAIN_MS } from '../../../experts/admin.ts';
import { defaultLimits } from '../../../gateway/api/context.ts';
import { defaultConnections } from '../../../gateway/api/serve.ts';
import { MOST_WAITING } from '../../../gateway/api/tenants/usage-log.ts';
import { engineDefaults } from '../../../gateway/engine/engine-options.ts';
import { capacityDefaults } from '../../../infra/capacity/workload.ts';
import { LARGEST_BODY } from '../../../infra/edge/app.ts';
import { BODY_MEMORY } from '../../../infra/edge/node.ts';
import { DEFAULT_DEVICE } from '../../../model/devices/options.ts';
import { defaultPolicy } from '../../../router/call-policy.ts';
import { MOST_CONNECTIONS } from '../../../rpc/socket/server.ts';

let options: Map<string, Option>;
beforeAll(async () => {
  options = new Map(flagsBelow(await createProgram(undefined)));
});

function flagsBelow(command: Command): [string, Option][] {
  return command.commands.flatMap((verb) => [
    ...verb.options.map((option): [string, Option] => [`${verb.name()} ${option.long}`, option]),
    ...flagsBelow(verb),
  ]);
}

/** Flags of `up` and `gateway`, and the defaults of the modules that use them. */
const ofGateway: Record<string, unknown> = {
  '--max-sequences': engineDefaults.maxSequences,
  '--max-waiting': engineDefaults.maxWaiting,
  '--prefill-rows': engineDefaults.prefillRows,
  '--prefill-share': engineDefaults.prefillShare,
  '--call-deadline': engineDefaults.callDeadlineMs,
  '--hedge-budget': defaultPolicy.hedgeBudget,
  '--audit': defaultPolicy.auditShare,
  '--keep-alive': defaultConnections.keepAliveMs / 1000,
  '--max-idle-connections': defaultConnections.idle,
  '--answer-memory': defaultLimits.answerMemory,
  '--device': DEFAULT_DEVICE,
};

const MIB = 2 ** 20;

const ofCapacity: Record<string, unknown> = {
  '--prompt': capacityDefaults.prompt,
  '--answer': capacityDefaults.answer,
  '--hit-rate': capacityDefaults.hitRate,
  '--regions': capacityDefaults.regions,
  '--redundancy': capacityDefaults.redundancy,
  '--utilisation': capacityDefaults.utilisation,
  '--memory': capacityDefaults.shardMiB * MIB,
  '--kv-memory': capacityDefaults.kvMiB * MIB,
  '--round-trip': capacityDefaults.roundTripMs,
  '--price-core': capacityDefaults.prices.core,
  '--price-gib': capacityDefaults.prices.gib,
  '--max-sequences': engineDefaults.maxSequences,
  '--cell-gateways': MOST_CONNECTIONS / 2,
};

/** Flags whose default is defined in cli/ only. */
const onlyHere = [
  'capacity --rps',
  'chat --url',
  'convert --bits',
  'convert --group-size',
  'drain --timeout',
  'edge --cold-start',
  'edge --grace',
  'edge --port',
  'gateway --grace',
  'gateway --port',
  'gateway --transfer-port',
  'inspect --shard-memory',
  'plan --replicas',
  'rotate --grace',
  'shard --check-every',
  'shard --port',
  'synth --bits',
  'synth --seed',
  'up --grace',
  'up --port',
];

describe('defaults', () => {
  const cases = ['up', 'gateway'].flatMap((verb) =>
    Object.entries(ofGateway).map(([long, value]): [string, unknown] => [`${verb} ${long}`, value]),
  );
  const others: [string, unknown][] = [
    ['shard --device', DEFAULT_DEVICE],
    ['shard --max-connections', MOST_CONNECTIONS],
    ...Object.entries(ofCapacity).map(([long, value]): [string, unknown] => [`capacity ${long}`, value]),
    ['edge --body-memory', BODY_MEMORY],
    ['edge --max-body', LARGEST_BODY],
  ];
  it.each([...cases, ...others])('the default of %s is that of its module', (name, value) => {
    expect(options.get(name)?.defaultValue).toBe(value);
  });

  it('come from a module for every flag with a number, except the listed flags', () => {
    const known = new Set([...[...cases, ...others].map(([name]) => name), ...onlyHere]);
    const numbers = [...options].filter(([, option]) => typeof option.defaultValue === 'number');
    expect(
      numbers.map(([name]) => name).filter((name) => !known.has(name) && !/ --threads$/.test(name)),
    ).toEqual([]);
  });
});

describe('help', () => {
  const shown = (name: string) => describeFlag(options.get(name)!);

  it('shows a default in the form in which the flag takes it', () => {
    expect(shown('up --answer-memory')).toMatch(/\(default: 512MiB\)$/);
    expect(shown('up --prefill-share')).toMatch(/\(default: even\)$/);
    expect(shown('up --keep-alive')).toMatch(/\(default: 75\)$/);
    expect(shown('chat --url')).toMatch(/\(default: http:\/\/127\.0\.0\.1:8080\)$/);
  });

  it('takes the limits in descriptions from the modules too', () => {
    expect(shown('up --kv-memory')).toContain("(default: 2GiB, but at most half of the machine's memory)");
    expect(engineDefaults.kvMemory).toBe(2 * 2 ** 30);
    expect(shown('up --patience')).toContain(`(default: ${defaultPolicy.patienceMs}, or two thirds of`);
    expect(shown('up --usage-log-required')).toContain(`up to ${MOST_WAITING.toLocaleString('en')} lines`);
    expect(shown('drain --timeout')).toContain(`up to ${DRAIN_MS / 1000} s`);
  });

  it('states the unit of each number that has a unit', () => {
    const units: Record<string, RegExp> = {
      'up --call-deadline': /^Milliseconds /,
      'up --patience': /^Milliseconds /,
      'shard --check-every': /^Milliseconds /,
      'up --grace': /^Seconds /,
      'up --keep-alive': /^Seconds /,
      'drain --timeout': /^Seconds /,
      'heat --watch': /^Seconds /,
      'plan --cost': /microseconds/,
    };
    for (const [name, unit] of Object.entries(units)) expect(shown(name), name).toMatch(unit);
  });
});
