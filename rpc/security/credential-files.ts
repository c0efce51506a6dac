// Reads and checks the files of certificates and secrets, and detects changes of the files.
import { X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { errorText } from '../../base/error-text.ts';
import { readRegularFile } from '../../base/read-file.ts';
import type { TlsMaterial } from './tls.ts';

/** Paths of PEM files. */
export interface TlsPaths {
  cert: string;
  key: string;
  ca: string;
}

export interface CredentialFiles {
  tls?: TlsPaths;
  secret?: string;
}

export interface LoadedCredentials {
  material?: TlsMaterial;
  secret?: Uint8Array;
}

const LEAST_SECRET_BYTES = 16;

const whitespace = new Set(Buffer.from(' \t\r\n'));

/** Rejects with an error that names the file if a file cannot be used. */
export async function loadCredentials({ tls, secret }: CredentialFiles): Promise<LoadedCredentials> {
  return {
    ...(tls && { material: await readTls(tls) }),
    ...(secret !== undefined && { secret: parseSecret(await read(secret), secret) }),
  };
}

async function readTls(paths: TlsPaths): Promise<TlsMaterial> {
  const [cert, key, ca] = await Promise.all([read(paths.cert), read(paths.key), read(paths.ca)]);
  const own = parseCertificate(cert, paths.cert);
  parseCertificate(ca, paths.ca);
  const [from, to] = [own.validFrom, own.validTo].map((date) => Date.parse(date));
  if (from !== undefined && Date.now() < from)
    throw new Error(`${paths.cert} is not valid before ${own.validFrom}`);
  if (to !== undefined && Date.now() > to) throw new Error(`${paths.cert} expired on ${own.validTo}`);
  try {
    createSecureContext({ cert, key, ca });
  } catch (cause) {
    throw new Error(`${paths.cert} and ${paths.key} cannot be used together: ${errorText(cause)}`, { cause });
  }
  return { cert, key, ca };
}

function parseCertificate(pem: Buffer, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new Error(`${path} holds no certificate in PEM: ${errorText(cause)}`, { cause });
  }
}

/** The bytes without the white space around them. Throws an error that names `path` if fewer than 16 are left. */
export function parseSecret(bytes: Uint8Array, path: string): Uint8Array {
  let start = 0;
  let end = bytes.length;
  while (start < end && whitespace.has(bytes[start]!)) start++;
  while (end > start && whitespace.has(bytes[end - 1]!)) end--;
  if (end - start >= LEAST_SECRET_BYTES) return bytes.slice(start, end);
  throw new Error(
    `${path} holds a secret of ${end - start} bytes; at least ${LEAST_SECRET_BYTES} are needed: openssl rand -base64 32 > FILE makes one`,
  );
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readRegularFile(path);
  } catch (cause) {
    throw new Error(`cannot read ${path}: ${errorText(cause)}`, { cause });
  }
}

/** Returns a warning for each private file that other users of the machine can read. */
export async function exposures({ tls, secret }: CredentialFiles): Promise<string[]> {
  if (process.platform === 'win32') return []; // file modes mean nothing there
  const warnings: string[] = [];
  for (const path of [tls?.key, secret]) {
    if (path === undefined) continue;
    const { mode } = await stat(path);
    if ((mode & 0o044) !== 0)
      warnings.push(`${path} can be read by other users of this machine: chmod 600 it`);
  }
  return warnings;
}

/** A text that changes when a file is written, replaced or removed. */
export async function fingerprint(files: CredentialFiles): Promise<string> {
  const states = pathsOf(files).map((path) =>
    stat(path).then(
      ({ ino, size, mtimeMs, ctimeMs }) => [ino, size, mtimeMs, ctimeMs].join(),
      () => 'missing',
    ),
  );
  return (await Promise.all(states)).join(';');
}

export function pathsOf({ tls, secret }: CredentialFiles): string[] {
  return [tls?.cert, tls?.key, tls?.ca, secret].filter((path) => path !== undefined);
}
