// Reads a page in Prometheus' text format into samples by name.

/** @typedef {{ name: string, labels: Record<string, string>, value: number }} Sample */

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

/**
 * Skips lines that are not samples.
 * @param {string} page
 * @param {(name: string) => boolean} [wanted]
 * @returns {Map<string, Sample[]>} by name
 */
export function parseSamples(page, wanted = () => true) {
  /** @type {Map<string, Sample[]>} */
  const samples = new Map();
  for (const line of page.split('\n')) {
    const [, name, labels = '', value] = LINE.exec(line) ?? [];
    if (name === undefined || value === undefined || !wanted(name)) continue;
    const ofName = samples.get(name) ?? [];
    ofName.push({ name, labels: labelsOf(labels), value: numberOf(value) });
    samples.set(name, ofName);
  }
  return samples;
}

/**
 * The sum over all labels. Undefined if the page has no such sample.
 * @type {(samples: ReadonlyMap<string, Sample[]>, name: string) => number | undefined}
 */
export function total(samples, name) {
  return samples.get(name)?.reduce((sum, { value }) => sum + value, 0);
}

/** @param {string} text */
function labelsOf(text) {
  /** @type {Record<string, string>} */
  const labels = {};
  for (const [, name = '', value = ''] of text.matchAll(LABEL)) {
    labels[name] = value.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped));
  }
  return labels;
}

/** @param {string} text */
function numberOf(text) {
  if (text === '+Inf') return Number.POSITIVE_INFINITY;
  return text === '-Inf' ? Number.NEGATIVE_INFINITY : Number(text);
}
