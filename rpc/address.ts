// `host:port` as text and back.
import { isIPv6 } from 'node:net';
import { quoted } from '../base/text.ts';

export interface Address {
  host: string;
  port: number;
}

/** Most characters of a DNS name. */
const LONGEST_HOST = 253;

/** Parses `127.0.0.1:7001`, `name:7001` or `[::1]:7001`. Throws an error that quotes the text and names the fault. */
export function parseAddress(text: string): Address {
  const trimmed = text.trim();
  const isShort = trimmed.length <= LONGEST_HOST + '[]:65535'.length;
  const match = isShort ? /^(?:\[([^\]]+)\]|([\p{L}\p{N}._-]+)):(\d{1,5})$/u.exec(trimmed) : null;
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  const isHost = match?.[1] === undefined || isIPv6(match[1]);
  if (host === undefined || !isHost || port > 65_535) {
    throw new Error(`${quoted(text)} is not an address; write host:port, such as 127.0.0.1:7001`);
  }
  if (port === 0) throw new Error(`${quoted(text)} names port 0, which cannot be called`);
  return { host, port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
