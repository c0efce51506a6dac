// Stores values in this browser. Storage may be forbidden (private windows, strict settings) or full. The page then works, but
// stores nothing.

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
 * @returns {boolean} whether the value is stored
 */
export function remember(name, value) {
  try {
    localStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
