// Sets the theme before anything is painted, and remembers a choice. A plain script, not a module: modules run too late,
// and the page would flash. Used by the console and by the API's reference.
{
  const STORED = 'expertgrid.theme';
  const choices = ['auto', 'light', 'dark'];
  const system = matchMedia('(prefers-color-scheme: dark)');
  const root = document.documentElement;

  /** Storage is refused to some pages (private windows, strict settings): the theme is then kept for this page only. */
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
      // As above.
    }
  };

  let choice = choices.find((each) => each === stored()) ?? 'auto';

  const apply = () => {
    const dark = choice === 'dark' || (choice === 'auto' && system.matches);
    root.dataset.theme = dark ? 'dark' : 'light';
    // Swagger UI's own name for it.
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
