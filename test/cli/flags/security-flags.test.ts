import { Command } from 'commander';
import { expect, test } from 'vitest';
import {
  addSecurityFlags,
  CALLERS,
  exposure,
  type SecurityFlags,
  securityArguments,
  securityPaths,
} from '../../../cli/flags/security-flags.ts';
import { refusalLog } from '../../../cli/terminal/refusal-log.ts';
import { RpcError } from '../../../rpc/errors.ts';
import { isNameAllowed } from '../../../rpc/security/peer-names.ts';

const tls = ['--tls-cert', 'c', '--tls-key', 'k', '--tls-ca', 'a'];

/** The flags as a verb gets them. Throws Commander's error if they are wrong. */
function parsed(args: readonly string[]): SecurityFlags {
  let flags: SecurityFlags = {};
  const command = addSecurityFlags(new Command('verb'))
    .configureOutput({ writeErr: () => {} })
    .exitOverride()
    .action((given: SecurityFlags) => {
      flags = given;
    });
  command.parse([...args], { from: 'user' });
  return flags;
}

test('without flags there are no credentials', () => {
  expect(securityPaths(parsed([]))).toBeUndefined();
});

test.each([
  [[...tls], { tls: { cert: 'c', key: 'k', ca: 'a' } }],
  [['--secret-file', 's'], { secret: 's' }],
  [
    [...tls, '--tls-peers', 'shard-*, other', '--secret-file', 's'],
    { tls: { cert: 'c', key: 'k', ca: 'a' }, peers: ['shard-*', 'other'], secret: 's' },
  ],
])('%j give paths and names, and a child process gets the same', (args, paths) => {
  expect(securityPaths(parsed(args))).toEqual(paths);
  expect(securityPaths(parsed(securityArguments(paths)))).toEqual(paths);
});

test.each([
  [['--tls-cert', 'c'], '--tls-key and --tls-ca are missing'],
  [['--tls-cert', 'c', '--tls-key', 'k', '--secret-file', 's'], '--tls-ca is missing'],
  [['--tls-peers', 'gateway'], '--tls-peers names certificates'],
  [[...tls, '--tls-peers', 'a-*-*'], '"a-*-*" is not a name'],
  [[...tls, '--tls-peers', 'a,,b'], '"" is not a name'],
])('%j is refused: %s', (args, reason) => {
  expect(() => parsed(args)).toThrow(reason);
});

test.each([
  ['0.0.0.0', false, true],
  ['::', false, true],
  ['', false, true],
  ['10.0.0.1', false, true],
  ['shard.internal', false, true],
  ['0.0.0.0', true, false],
  ['127.0.0.1', false, false],
  ['localhost', false, false],
  ['::1', false, false],
])('listening on %j (with a secret: %s) is refused: %s', (host, closed, refused) => {
  const reason = exposure(host, closed ? { secret: 's' } : undefined);
  expect(reason !== undefined).toBe(refused);
  if (refused) expect(reason).toMatch(/--host .*--tls-cert, --tls-key and --tls-ca, or --secret-file/);
});

test.each([
  ['gateway', true],
  ['gateway-7', true],
  ['gateway.eu.example', true],
  ['admin', true],
  ['gateways', false],
  ['shard-1', false],
  ['administrator', false],
  ['not-gateway', false],
])('a shard accepts a certificate of %s by default: %s', (name, allowed) => {
  expect(isNameAllowed(name, CALLERS)).toBe(allowed);
});

test('many refused callers give one log line per interval, with the number of refusals that were not logged', () => {
  const lines: [object, string][] = [];
  let now = 0;
  const onRefused = refusalLog((fields, message) => lines.push([fields, message]), {
    everyMs: 100,
    now: () => now,
  });
  for (now = 0; now <= 100; now++) onRefused(new RpcError('unproven', 'x'.repeat(10_000)), '10.0.0.9');
  expect(lines.map(([fields]) => fields)).toEqual([
    { from: '10.0.0.9', code: 'unproven' },
    { from: '10.0.0.9', code: 'unproven', leftOut: 99 },
  ]);
  expect(lines[0]?.[1]).toHaveLength('a caller was refused: '.length + 300);
});
