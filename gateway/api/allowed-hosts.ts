// Refuses requests by the host and origin in their headers, before anything else looks at them. Any page in a browser on this
// machine can reach a listener on loopback: by a name that the page's owner makes resolve to 127.0.0.1 (DNS rebinding), or by
// requests that browsers send to other sites without a preflight.
import { isIP } from 'node:net';
import type { MiddlewareHandler } from 'hono';
import { ApiError } from './errors.ts';

export interface HostRules {
  /** Only this machine can reach the listener. */
  loopback: boolean;
  /**
   * Names that `Host` may have beside those of this machine. `*.example.com` allows all names below it, `*` all names. Absent:
   * none for a listener on loopback, all for others.
   */
  allowed?: readonly string[];
}

/** Throws a 403 for a `Host` that is not allowed, and for requests that pages of other sites make browsers send. */
export function requireAllowedHost(
  rules: HostRules,
  { corsOrigins }: { corsOrigins: readonly string[] },
): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header('host') ?? '';
    if (!isAllowedHost(host, rules)) throw hostRefused(host);
    const { loopback } = rules;
    const header = (name: string) => c.req.header(name);
    if (loopback && isOfAnotherSite(header) && !allowsOrigin(corsOrigins, header('origin'))) {
      throw originRefused(header('origin'));
    }
    await next();
  };
}

/** `host` as the header has it, with or without a port. */
export function isAllowedHost(host: string, { loopback, allowed }: HostRules): boolean {
  if (!loopback && allowed === undefined) return true;
  const name = nameOf(host);
  if (isOwnName(name)) return true;
  // DNS rebinding works only with names, not with addresses.
  if (!loopback && isIP(name.replace(/^\[|\]$/g, '')) !== 0) return true;
  return (allowed ?? []).some((pattern) => matches(name, pattern.toLowerCase()));
}

/** By the headers that browsers send. Following a link is not a request of another site's script. */
function isOfAnotherSite(header: (name: string) => string | undefined): boolean {
  return header('sec-fetch-site') === 'cross-site' && header('sec-fetch-mode') !== 'navigate';
}

function allowsOrigin(corsOrigins: readonly string[], origin: string | undefined): boolean {
  return corsOrigins.includes('*') || (origin !== undefined && corsOrigins.includes(origin));
}

/** The host in lower case, without port and final dot. */
function nameOf(host: string): string {
  return host.trim().toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}

/**
 * *.localhost, 127.0.0.0/8, ::1 and names without a dot, such as localhost and the names of /etc/hosts and Docker. Nobody can
 * register one of them and make it resolve to another machine.
 */
function isOwnName(name: string): boolean {
  return (
    /^[a-z0-9_-]+$/.test(name) ||
    name.endsWith('.localhost') ||
    name === '[::1]' ||
    (isIP(name) === 4 && name.startsWith('127.'))
  );
}

function matches(name: string, pattern: string): boolean {
  if (pattern === '*') return true;
  return pattern.startsWith('*.') ? name.endsWith(pattern.slice(1)) : name === pattern;
}

function hostRefused(host: string): ApiError {
  const message = `The Host '${host.slice(0, 200)}' is not allowed. If it is a name of this server, start the server with --allowed-hosts ${nameOf(host).slice(0, 200)}.`;
  return new ApiError({ status: 403, message, code: 'host_not_allowed' });
}

function originRefused(origin = 'its origin'): ApiError {
  const message = `A page of another site may not call this server. To allow it, start the server with --cors-origin and ${origin.slice(0, 200)}.`;
  return new ApiError({ status: 403, message, code: 'origin_not_allowed' });
}
