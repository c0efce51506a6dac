// The API's reference: reads /openapi.json and shows it with Swagger UI.
import { element } from './elements.js';
import { keptInTab } from './storage.js';

const note = element('reference-note', HTMLElement);

async function show() {
  // Addresses are relative, because a proxy may put the gateway below a prefix.
  const base = new URL('.', location.href);
  const response = await fetch(new URL('openapi.json', base));
  if (!response.ok) throw new Error(`/openapi.json answered ${response.status}`);
  const spec = await response.json();
  /** @type {any} */
  const { SwaggerUIBundle } = globalThis;
  if (SwaggerUIBundle === undefined)
    throw new Error('Swagger UI is not installed: it comes with `npm ci`, not with `npm ci --omit=dev`');
  const ui = SwaggerUIBundle({
    spec: { ...spec, servers: [{ url: base.href.replace(/\/$/, '') }] },
    domNode: element('reference', HTMLElement),
    deepLinking: true,
    defaultModelsExpandDepth: -1,
    defaultModelExpandDepth: 1,
    displayRequestDuration: true,
    docExpansion: 'list',
    filter: true,
    requestSnippetsEnabled: false,
    tryItOutEnabled: true,
    validatorUrl: null,
    onComplete() {
      // The console stores its key for this tab.
      const key = keptInTab('expertgrid.key');
      if (key !== null) ui.preauthorizeApiKey('bearer', key);
    },
  });
}

show().catch((error) => {
  note.textContent = `The reference cannot be shown: ${error instanceof Error ? error.message : String(error)}.`;
});
