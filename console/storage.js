// What the page remembers in this browser. Storage is refused to some pages (private windows, strict settings) and may be full:
// the page then works on and remembers nothing.

/**
 * @param {string} name
 * @returns {unknown} undefined if nothing readable is stored
 */
export function recall(name) {
  try {
    return JSON.parse(localStorage.getItem(name) ?? 'null') ?? undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} name
 * @param {unknown} value
 * @returns {boolean} whether it is remembered
 */
export function remember(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
