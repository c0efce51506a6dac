// Formats numbers for display.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** @param {number} value */
export function count(value) {
  return Math.abs(value) < 100_000 ? whole.format(value) : compact.format(value);
}

/**
 * A short form such as 23.1M or 1.2B.
 * @param {number} value
 */
export function short(value) {
  return compact.format(value);
}

/**
 * A number such as 0.42, 3.1, 12 or 1,240.
 * @param {number} value
 */
export function figure(value) {
  if (value === 0) return '0';
  if (value < 1) return value.toFixed(2);
  return value < 10 ? value.toFixed(1) : count(value);
}

/** @type {(seconds: number) => { value: string, unit: string }} */
export function duration(seconds) {
  if (seconds >= 1) return { value: figure(seconds), unit: 's' };
  return { value: figure(seconds * 1000), unit: 'ms' };
}

/** @param {number} seconds */
export function durationText(seconds) {
  const { value, unit } = duration(seconds);
  return `${value} ${unit}`;
}

/**
 * A duration in its two largest units.
 * @param {number} seconds
 */
export function span(seconds) {
  const whole = Math.floor(seconds);
  const [days, hours, minutes] = [86_400, 3_600, 60].map((unit) => Math.floor(whole / unit));
  if (days) return `${days} d ${(hours ?? 0) % 24} h`;
  if (hours) return `${hours} h ${(minutes ?? 0) % 60} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** @param {number} amount */
export function bytes(amount) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = amount < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(amount) / 10));
  return `${figure(amount / 1024 ** power)} ${units[power]}`;
}

/** @param {number} share 0 to 1 */
export function percent(share) {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}
