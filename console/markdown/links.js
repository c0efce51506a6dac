// Which addresses a text that a model wrote may lead to. Pure.

/**
 * The address as it may stand in a link; undefined for everything but web pages and mail: `javascript:` and `data:` would run in
 * this page.
 * @param {string} href
 * @returns {string | undefined}
 */
export function safeLink(href) {
  if (!/^(https?:\/\/|mailto:)/i.test(href) || !URL.canParse(href)) return undefined;
  const { href: whole, protocol } = new URL(href);
  return ['http:', 'https:', 'mailto:'].includes(protocol) ? whole : undefined;
}
