// Stores values in this browser. Storage may be forbidden (private windows, strict settings) or full. The page then works, but
// stores nothing beyond itself.

/** What this page was told to keep in its tab, by name. @type {Map<string, string | null>} */
const ofTab = new Map();

/**
 * @param {string} name
 * @returns {string | null} what `keepInTab` kept last
 */
export function keptInTab(name) {
  const kept = ofTab.get(name);
  if (kept !== undefined) return kept;
  try {
    return sessionStorage.getItem(name);
  } catch {
    return null;
  }
}

/**
 * Keeps a text until the tab is closed, or until the page is left if storage is forbidden.
 * @param {string} name
 * @param {string | null} text null removes it
 */
export function keepInTab(name, text) {
  ofTab.set(name, text);
  try {
    if (text === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, text);
  } catch {
    // The page keeps it.
  }
}

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
