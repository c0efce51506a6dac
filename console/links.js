// The link to /metrics. A browser sends no API key when it follows a link. So if there is a key, the page fetches the metrics
// itself.
import { get } from './api.js';
import { element } from './elements.js';
import { storedKey } from './key.js';
import { showAge } from './watch/state.js';

const link = element('metrics-link', HTMLAnchorElement);

link.addEventListener('click', async (event) => {
  if (storedKey() === null) return;
  event.preventDefault();
  // The window is opened before anything is awaited, because later the browser would block it as a pop-up.
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
