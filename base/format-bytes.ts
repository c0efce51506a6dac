// Formats sizes with decimal units: 1 kB is 1,000 bytes. Pure.

/** Examples: `11.27 GB`, `940.0 MB`, `12 kB`, `3 bytes`. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e12) return `${(bytes / 1e12).toFixed(2)} TB`;
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes >= 1e3 ? `${Math.round(bytes / 1e3)} kB` : `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
}
