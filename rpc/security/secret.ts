// A shared secret as its file holds it. Pure.

export const leastSecretBytes = 16;

const whitespace = new Set(Buffer.from(' \t\r\n'));

/** The bytes without the white space around them; throws, naming `path`, where too few are left. */
export function parseSecret(bytes: Uint8Array, path: string): Uint8Array {
  let start = 0;
  let end = bytes.length;
  while (start < end && whitespace.has(bytes[start]!)) start++;
  while (end > start && whitespace.has(bytes[end - 1]!)) end--;
  if (end - start >= leastSecretBytes) return bytes.slice(start, end);
  throw new Error(
    `${path} holds a secret of ${end - start} bytes; at least ${leastSecretBytes} are needed: openssl rand -base64 32 > FILE makes one`,
  );
}
