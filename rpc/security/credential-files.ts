// Certificates and secrets as files: reads and checks them, and tells when one has changed.
import { X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { errorText } from '../../base/error-text.ts';
import { readRegularFile } from '../../base/read-file.ts';
import { parseSecret } from './secret.ts';
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

/** Rejects, naming the file, if one cannot be used. */
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

async function read(path: string): Promise<Buffer> {
  try {
    return await readRegularFile(path);
  } catch (cause) {
    throw new Error(`cannot read ${path}: ${errorText(cause)}`, { cause });
  }
}

/** A warning for each private file that other users of the machine can read. */
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

/** Changes when a file is written or replaced. */
export async function fingerprint(files: CredentialFiles): Promise<string> {
  const states = pathsOf(files).map(async (path) => {
    const { ino, size, mtimeMs, ctimeMs } = await stat(path).catch(() => ({
      ino: 0,
      size: 0,
      mtimeMs: 0,
      ctimeMs: 0,
    }));
    return [ino, size, mtimeMs, ctimeMs].join();
  });
  return (await Promise.all(states)).join(';');
}

export function pathsOf({ tls, secret }: CredentialFiles): string[] {
  return [tls?.cert, tls?.key, tls?.ca, secret].filter((path) => path !== undefined);
}
