// Sets the theme of the console and of the API's reference before anything is painted, and stores the user's choice. This is a
// plain script, because a module would run too late: the page would first be painted in the wrong theme.
{
  const STORED = 'expertgrid.theme';
  const choices = ['auto', 'light', 'dark'];
  const system = matchMedia('(prefers-color-scheme: dark)');
  const root = document.documentElement;

  /** The stored choice. Storage may be forbidden (private windows, strict settings); the choice then applies to this page only. */
  const stored = () => {
    try {
      return localStorage.getItem(STORED);
    } catch {
      return null;
    }
  };
  const store = (/** @type {string} */ choice) => {
    try {
      localStorage.setItem(STORED, choice);
    } catch {
      // Storage is forbidden; see `stored`.
    }
  };

  let choice = choices.find((each) => each === stored()) ?? 'auto';

  const apply = () => {
    const dark = choice === 'dark' || (choice === 'auto' && system.matches);
    root.dataset.theme = dark ? 'dark' : 'light';
    // Swagger UI's own class for dark mode.
    root.classList.toggle('dark-mode', dark);
    root.dispatchEvent(new Event('themechange'));
  };

  system.addEventListener('change', apply);
  document.addEventListener('DOMContentLoaded', () => {
    const select = document.getElementById('theme');
    if (!(select instanceof HTMLSelectElement)) return;
    select.value = choice;
    select.addEventListener('change', () => {
      choice = choices.find((each) => each === select.value) ?? 'auto';
      store(choice);
      apply();
    });
  });
  apply();
}
