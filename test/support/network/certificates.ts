// Makes certificate authorities and certificates for tests. It encodes X.509 itself, and Node signs.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** A certificate and its private key in PEM. */
export interface Issued {
  cert: Buffer;
  key: Buffer;
}

export interface IssueOptions {
  commonName?: string;
  dns?: readonly string[];
  /** IPv4 addresses. */
  ip?: readonly string[];
  /** Validity in days from now; negative days are in the past. Default: -20 to 20. */
  fromDays?: number;
  toDays?: number;
  /** Extended key usages. Default: both. */
  usages?: readonly ('client' | 'server')[];
}

export interface Authority {
  /** Certificate of the authority in PEM. */
  ca: Buffer;
  issue(options: IssueOptions): Issued;
}

const oids = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  extendedKeyUsage: '2.5.29.37',
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
};

export function createAuthority(name = 'test authority'): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const isAuthority = extension(oids.basicConstraints, sequence(tlv(0x01, Buffer.of(0xff))));
  const write = (subject: string, key: KeyObject, days: [number, number], extensions: Buffer[]) =>
    certificate({ issuer: name, subject, key, days, extensions, signer: own.privateKey });
  return {
    ca: pem(write(name, own.publicKey, [-30, 30], [isAuthority])),
    issue({
      commonName = '',
      dns = [],
      ip = [],
      fromDays = -20,
      toDays = 20,
      usages = ['client', 'server'],
    }) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const names = [
        ...dns.map((each) => tlv(0x82, Buffer.from(each))),
        ...ip.map((each) => tlv(0x87, Buffer.from(each.split('.').map(Number)))),
      ];
      const extensions = [
        extension(oids.extendedKeyUsage, sequence(...usages.map((usage) => oid(oids[usage])))),
      ];
      if (names.length > 0) extensions.push(extension(oids.subjectAltName, sequence(...names)));
      return {
        cert: pem(write(commonName, publicKey, [fromDays, toDays], extensions)),
        key: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })),
      };
    },
  };
}

interface CertificateFields {
  issuer: string;
  subject: string;
  key: KeyObject;
  days: [from: number, to: number];
  extensions: readonly Buffer[];
  signer: KeyObject;
}

function certificate({ issuer, subject, key, days, extensions, signer }: CertificateFields): Buffer {
  const algorithm = sequence(oid(oids.ecdsaWithSha256));
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.of(2))), // version 3
    tlv(0x02, Buffer.concat([Buffer.of(1), randomBytes(8)])), // serial number
    algorithm,
    nameOf(issuer),
    sequence(...days.map(time)),
    nameOf(subject),
    key.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  );
  return sequence(body, algorithm, bits(sign('sha256', body, signer)));
}

function nameOf(commonName: string): Buffer {
  if (commonName === '') return sequence();
  return sequence(tlv(0x31, sequence(oid(oids.commonName), tlv(0x0c, Buffer.from(commonName)))));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(oid(id), tlv(0x04, value));
}

/** GeneralizedTime with a resolution of one second. */
function time(daysFromNow: number): Buffer {
  const iso = new Date(Date.now() + daysFromNow * 86_400_000).toISOString();
  return tlv(0x18, Buffer.from(`${iso.slice(0, 19).replace(/\D/g, '')}Z`));
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = rest.flatMap((part) => {
    const groups = [part & 0x7f];
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return tlv(0x06, Buffer.of(40 * first + second, ...bytes));
}

function bits(bytes: Buffer): Buffer {
  return tlv(0x03, Buffer.concat([Buffer.of(0), bytes]));
}

function sequence(...parts: Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

/** Tag, length and value, which is how DER encodes everything. */
function tlv(tag: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.of(tag, ...lengthOf(value)), value]);
}

function lengthOf({ length }: Buffer): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

function pem(der: Buffer): Buffer {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return Buffer.from(`-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`);
}
