// Checks the names in a certificate: whether they are allowed, and for which role. Pure.
import type { PeerCertificate } from 'node:tls';

/** The common name first, then DNS names, in lower case. */
export function certificateNames({
  subject,
  subjectaltname = '',
}: Pick<PeerCertificate, 'subject' | 'subjectaltname'>): string[] {
  const common = [subject?.CN ?? []].flat();
  // Node quotes a name with quotes or commas. A quoted name could look like several names, so no DNS name is used then.
  const entries = subjectaltname.includes('"') ? [] : subjectaltname.split(', ');
  const dns = entries.filter((entry) => entry.startsWith('DNS:')).map((entry) => entry.slice('DNS:'.length));
  return [...new Set([...common, ...dns].map((name) => name.toLowerCase()))];
}

/** A pattern is a name that may contain one `*`, which stands for any text: `gateway-*`, `*.shards.internal`. */
export function isNameAllowed(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const [head = '', tail] = pattern.toLowerCase().split('*');
    if (tail === undefined) return name === head;
    return name.length >= head.length + tail.length && name.startsWith(head) && name.endsWith(tail);
  });
}

const roles = ['gateway', 'admin'];

/**
 * A name whose first word is a role (`gateway`, `gateway-1`, `admin.example`) is valid for that role only. Other allowed names are
 * valid for every role. Returns true for unknown roles.
 */
export function mayTakeRole(names: readonly string[], role: string): boolean {
  if (!roles.includes(role)) return true;
  const named = names.map((name) => /^[^.-]*/.exec(name)?.[0] ?? '').filter((word) => roles.includes(word));
  return named.length === 0 || named.includes(role);
}
