// Looks again and again while somebody can see the page. Knows nothing of what is looked at.

/**
 * Calls `look` now and `everyMs` after each end of it; not while the tab is hidden, and at once when it is back.
 * @param {() => Promise<void>} look must not reject
 * @param {{ everyMs: number, onPause: () => void }} options
 * @returns {() => void} looks at once
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
    // What that look has shown is shown over.
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
