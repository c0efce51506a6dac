// Calls a function again and again while the page is visible.

/**
 * Calls `look` now, and again `everyMs` after the end of each call. Pauses while the tab is hidden, and calls at once when it is
 * visible again.
 * @param {() => Promise<void>} look must not reject
 * @param {{ everyMs: number, onPause: () => void }} options
 * @returns {() => void} calls `look` at once
 */
export function poll(look, { everyMs, onPause }) {
  /** @type {number | undefined} */
  let timer;
  let looking = false;

  async function turn() {
    clearTimeout(timer);
    if (looking || document.hidden) return;
    looking = true;
    await look();
    looking = false;
    // The tab may have been hidden during the call. The message about the pause then replaces the one that the call has shown.
    if (document.hidden) onPause();
    else timer = setTimeout(turn, everyMs);
  }

  document.addEventListener('visibilitychange', () => {
    if (document.hidden) {
      clearTimeout(timer);
      onPause();
    } else void turn();
  });
  void turn();
  return () => void turn();
}
