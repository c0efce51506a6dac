import { chmod, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { TlsPaths } from '../../rpc/security/credential-files.ts';
import {
  type Credentials,
  type OpenCredentialsOptions,
  openCredentials,
} from '../../rpc/security/credentials.ts';
import { createAuthority, type IssueOptions } from '../support/network/certificates.ts';

const authority = createAuthority();
let root: string;
let folder: string;
let lines: [level: string, message: string][];
const opened: Credentials[] = [];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'credentials-'));
});
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'test-'));
  lines = [];
});
afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});
afterAll(() => rm(root, { recursive: true }));

async function open(options: OpenCredentialsOptions): Promise<Credentials> {
  const log = (level: string, message: string) => lines.push([level, message]);
  const credentials = await openCredentials({ everyMs: 10, log, ...options });
  opened.push(credentials);
  return credentials;
}

async function write(name: string, bytes: string | Uint8Array, mode = 0o600): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  await chmod(path, mode);
  return path;
}

async function writeTls(options: IssueOptions = { commonName: 'gateway' }): Promise<TlsPaths> {
  const { cert, key } = authority.issue(options);
  return {
    cert: await write('cert.pem', cert),
    key: await write('key.pem', key),
    ca: await write('ca.pem', authority.ca),
  };
}

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

test('files are read unchanged, and without a warning if only their owner can read them', async () => {
  const tls = await writeTls();
  const secret = await write('secret', 'sixteen bytes, or more\n');
  const credentials = await open({ tls, secret, peers: ['shard'] });
  expect(text(credentials.secret?.())).toBe('sixteen bytes, or more');
  expect(credentials.tls?.peers).toEqual(['shard']);
  expect(text(credentials.tls?.material().ca)).toBe(text(authority.ca));
  expect(lines).toEqual([]);
});

test('no secret and no TLS are required if no files are given', async () => {
  expect(await open({ secret: await write('secret', 'x'.repeat(16)) })).not.toHaveProperty('tls');
  expect(await open({ tls: await writeTls() })).not.toHaveProperty('secret');
});

test.runIf(process.platform !== 'win32')(
  'a private file that other users can read causes a warning',
  async () => {
    const secret = await write('secret', 'x'.repeat(16), 0o640);
    const tls = await writeTls();
    await chmod(tls.key, 0o604);
    await open({ secret, tls });
    expect(lines).toEqual([
      ['warn', `${tls.key} can be read by other users of this machine: chmod 600 it`],
      ['warn', `${secret} can be read by other users of this machine: chmod 600 it`],
    ]);
  },
);

describe('a file that cannot be used is named', () => {
  test.each<[string, (tls: TlsPaths) => Promise<unknown>, RegExp]>([
    ['missing', ({ key }) => rm(key), /cannot read .*key\.pem: ENOENT/],
    ['no certificate', () => write('cert.pem', 'hello'), /cert\.pem holds no certificate in PEM/],
    ['no authority', () => write('ca.pem', ''), /ca\.pem holds no certificate in PEM/],
    [
      'the key of another certificate',
      () => write('key.pem', authority.issue({}).key),
      /cert\.pem and .*key\.pem cannot be used together: .*key values mismatch/,
    ],
    ['expired', () => writeTls({ toDays: -1 }), /cert\.pem expired on /],
    ['early', () => writeTls({ fromDays: 1 }), /cert\.pem is not valid before /],
  ])('%s', async (_name, spoil, reason) => {
    const tls = await writeTls();
    await spoil(tls);
    await expect(open({ tls })).rejects.toThrow(reason);
  });

  test('a secret that is too short', async () => {
    await expect(open({ secret: await write('secret', 'x'.repeat(15)) })).rejects.toThrow(
      /secret holds a secret of 15 bytes; at least 16 are needed/,
    );
  });
});

describe('files that change', () => {
  test('are read again', async () => {
    const secret = await write('secret', 'the first of secrets');
    const tls = await writeTls();
    const credentials = await open({ secret, tls });
    const before = text(credentials.tls?.material().cert);
    await writeTls();
    await write('secret', 'the second of secrets');
    await expect.poll(() => text(credentials.secret?.())).toBe('the second of secrets');
    await expect.poll(() => text(credentials.tls?.material().cert)).not.toBe(before);
    expect(lines.every(([level]) => level === 'info')).toBe(true);
  });

  test('are read again if a symbolic link is replaced, as with mounted secrets', async () => {
    const link = join(folder, 'current');
    await symlink(await write('a', 'the first of secrets'), link);
    const credentials = await open({ secret: link });
    await symlink(await write('b', 'the second of secrets'), `${link}.new`);
    await rename(`${link}.new`, link);
    await expect.poll(() => text(credentials.secret?.())).toBe('the second of secrets');
  });

  test('leave the earlier contents in use, with one log line, until they can be used', async () => {
    const tls = await writeTls();
    const credentials = await open({ tls });
    const before = credentials.tls?.material();
    const next = authority.issue({ commonName: 'gateway' });
    await write('cert.pem', next.cert);
    await expect.poll(() => lines.length).toBe(1);
    expect(lines[0]).toEqual([
      'error',
      expect.stringMatching(/cannot be used together: .*; what was read before stays in use$/),
    ]);
    expect(credentials.tls?.material()).toBe(before);
    await write('key.pem', next.key);
    await expect.poll(() => text(credentials.tls?.material().cert)).toBe(text(next.cert));
    expect(lines.map(([level]) => level)).toEqual(['error', 'info']);
  });

  test('stay in use while they are missing', async () => {
    const secret = await write('secret', 'the first of secrets');
    const credentials = await open({ secret });
    await rm(secret);
    await expect.poll(() => lines[0]?.[1]).toContain('cannot read');
    expect(text(credentials.secret?.())).toBe('the first of secrets');
    await write('secret', 'the second of secrets');
    await expect.poll(() => text(credentials.secret?.())).toBe('the second of secrets');
  });
});
