// Parses the file of a shared secret. Pure.

export const LEAST_SECRET_BYTES = 16;

const whitespace = new Set(Buffer.from(' \t\r\n'));

/** The bytes without the white space around them. Throws, naming `path`, if fewer than 16 are left. */
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
