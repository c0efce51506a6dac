// Checks the values that the flags for access accept and refuse.
import { Command } from 'commander';
import { expect, it } from 'vitest';
import { type AccessFlags, addAccessFlags } from '../../../cli/flags/access-flags.ts';

/** The flags as a verb gets them. Throws Commander's error if they are wrong. */
function parsed(...args: string[]): AccessFlags {
  return addAccessFlags(new Command('verb'))
    .configureOutput({ writeErr: () => {} })
    .exitOverride()
    .action(() => {})
    .parse(args, { from: 'user' })
    .opts();
}

it('has no keys, origins, hosts or usage log by default', () => {
  expect(parsed()).toEqual({ edgeOnly: false, sharedPrefix: false, usageLogRequired: false });
});

it.each([
  [['https://app.example.com/'], ['https://app.example.com']],
  [['*'], ['*']],
  [
    ['http://localhost:3000', 'https://a.example'],
    ['http://localhost:3000', 'https://a.example'],
  ],
])('--cors-origin %o gives the origins as browsers send them', (texts, origins) => {
  expect(parsed(...texts.flatMap((text) => ['--cors-origin', text])).corsOrigin).toEqual(origins);
});

it.each(['app.example.com', 'https://app.example.com/path', 'HTTPS://app.example.com', 'data:text', 'null'])(
  '--cors-origin refuses %s',
  (text) => {
    expect(() => parsed('--cors-origin', text)).toThrow(`'${text}' is not an origin`);
  },
);

it('--allowed-hosts gives lower-case names, patterns and IPv6 addresses', () => {
  expect(parsed('--allowed-hosts', 'Gateway.Example.com, *.example.net,[::1],*').allowedHosts).toEqual([
    'gateway.example.com',
    '*.example.net',
    '[::1]',
    '*',
  ]);
});

it.each(['https://a.example', 'a.example:80', 'a.*.example', 'a..example', ''])(
  '--allowed-hosts refuses %j',
  (text) => {
    expect(() => parsed('--allowed-hosts', text)).toThrow(`'${text}' is not a host name`);
  },
);

it('--usage-log-required is refused without --usage-log', () => {
  expect(() => parsed('--usage-log-required')).toThrow('--usage-log-required: give --usage-log too');
  expect(parsed('--usage-log-required', '--usage-log', 'u').usageLogRequired).toBe(true);
});

it('--edge-only needs the secret of the edge, and allows no API keys', () => {
  expect(() => parsed('--edge-only')).toThrow('--edge-only: give --edge-secret-file too');
  const keys = ['--edge-only', '--edge-secret-file', 's', '--api-keys', 'k'];
  expect(() => parsed(...keys)).toThrow('no API key would be valid, so leave out --api-keys');
  expect(parsed(...keys.slice(0, 3)).edgeOnly).toBe(true);
});
