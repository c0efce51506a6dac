// Formats sizes as flags such as `--kv-memory` take them.

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB'];

/** `1536` → `1.5KiB`, which can be given as a flag's value. By default it is never less than `bytes`. */
export function formatBinary(bytes: number, round: (value: number) => number = Math.ceil): string {
  let size = bytes / 1024;
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${round(size * 10) / 10}${UNITS[unit]}`;
}
