// The link to /metrics, which a browser follows without the key that the gateway may want: the page then fetches it and shows what
// it got.
import { get } from './api.js';
import { element } from './elements.js';
import { storedKey } from './key.js';
import { showAge } from './watch/state.js';

const link = element('metrics-link', HTMLAnchorElement);

link.addEventListener('click', async (event) => {
  if (storedKey() === null) return;
  event.preventDefault();
  // Before anything is awaited: later the browser would take it for a pop-up.
  const shown = window.open('', '_blank');
  try {
    const text = await (await get('metrics')).text();
    const address = URL.createObjectURL(new Blob([text], { type: 'text/plain; charset=utf-8' }));
    if (shown !== null) shown.location.href = address;
  } catch (error) {
    shown?.close();
    showAge(error instanceof Error ? error.message : String(error));
  }
});
