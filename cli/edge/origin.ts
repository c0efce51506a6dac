// Parses the addresses of gateways and edges.
import { InvalidArgumentError } from 'commander';
import { isLoopback } from '../../rpc/address.ts';

/** The origin of `text`. Throws if it has more than an origin, or if others could read what is sent there. `what` names its owner. */
export function originOf(text: string, what: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.href !== `${url.origin}/`) {
    throw new InvalidArgumentError(
      `'${text}' is not the address of ${what}. Give a scheme, a host and, if needed, a port, such as https://eu-1.example.com.`,
    );
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname.replace(/^\[|\]$/g, ''))) {
    throw new InvalidArgumentError(
      `${text} is not on this machine, and over http:// others could read and change what is sent. Use https://.`,
    );
  }
  return url.origin;
}
