// `host:port` as text and back. Resolves nothing.

export interface Address {
  host: string;
  port: number;
}

/** `127.0.0.1:7001`, `name:7001` or `[::1]:7001`; throws with the text and what is wrong with it. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) {
    throw new Error(`${JSON.stringify(text)} is not an address; write host:port, such as 127.0.0.1:7001`);
  }
  return { host, port };
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
