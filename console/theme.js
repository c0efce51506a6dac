// Sets the theme before anything is painted, and remembers the choice, for the console and the API's reference. It is a plain
// script, because modules run too late and the page would flash.
{
  const STORED = 'expertgrid.theme';
  const choices = ['auto', 'light', 'dark'];
  const system = matchMedia('(prefers-color-scheme: dark)');
  const root = document.documentElement;

  /** Storage may be forbidden (private windows, strict settings). The theme then holds for this page only. */
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
      // See `stored`.
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
