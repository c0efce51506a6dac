// Refuses requests because of the host or origin in their headers. A page in a browser on this machine can reach a listener on
// loopback in two ways: by a name that the page's owner makes resolve to 127.0.0.1 (DNS rebinding), or by requests that browsers
// send to other sites without a preflight.
import { isIP } from 'node:net';
import type { MiddlewareHandler } from 'hono';
import { ApiError } from './errors.ts';

export interface HostRules {
  /** Whether only this machine can reach the listener. */
  loopback: boolean;
  /**
   * Names that `Host` may have in addition to those of this machine. `*.example.com` allows subdomains of example.com, `*` all names.
   * Default: none for a listener on loopback, all for other listeners.
   */
  allowed?: readonly string[];
}

/**
 * Throws a 403 for a `Host` that is not allowed, and for requests that scripts of other sites send. A request without `Host` passes:
 * browsers send it with every request, and probes by HTTP/1.0, such as HAProxy's, do not.
 */
export function requireAllowedHost(
  rules: HostRules,
  { corsOrigins }: { corsOrigins: readonly string[] },
): MiddlewareHandler {
  return async (c, next) => {
    const host = c.req.header('host');
    if (host !== undefined && !isAllowedHost(host, rules)) throw hostRefused(host);
    const { loopback } = rules;
    const header = (name: string) => c.req.header(name);
    if (loopback && isOfAnotherSite(header) && !allowsOrigin(corsOrigins, header('origin'))) {
      throw originRefused(header('origin'));
    }
    await next();
  };
}

/** `host` is the value of the header, with or without a port. */
export function isAllowedHost(host: string, { loopback, allowed }: HostRules): boolean {
  if (!loopback && allowed === undefined) return true;
  const name = nameOf(host);
  if (isOwnName(name)) return true;
  // DNS rebinding works only with names, not with addresses.
  if (!loopback && isIP(name.replace(/^\[|\]$/g, '')) !== 0) return true;
  return (allowed ?? []).some((pattern) => matches(name, pattern.toLowerCase()));
}

/** Whether a script of another site sent the request. Browsers say so in these headers. Following a link does not count. */
function isOfAnotherSite(header: (name: string) => string | undefined): boolean {
  return header('sec-fetch-site') === 'cross-site' && header('sec-fetch-mode') !== 'navigate';
}

function allowsOrigin(corsOrigins: readonly string[], origin: string | undefined): boolean {
  return corsOrigins.includes('*') || (origin !== undefined && corsOrigins.includes(origin));
}

/** The host in lower case, without its port and final dot. */
function nameOf(host: string): string {
  return host.trim().toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}

/**
 * Whether this is a name of this machine: *.localhost, 127.0.0.0/8, ::1, or a name without a dot, as in /etc/hosts and Docker. No
 * attacker can register such a name.
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
