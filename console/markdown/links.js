// Which addresses the links in a model's text may have.

/**
 * The address for a link. Undefined unless it is a web page or an e-mail address, because `javascript:` and `data:` would run in
 * this page.
 * @param {string} href
 * @returns {string | undefined}
 */
export function safeLink(href) {
  if (!/^(https?:\/\/|mailto:)/i.test(href) || !URL.canParse(href)) return undefined;
  const { href: whole, protocol } = new URL(href);
  return ['http:', 'https:', 'mailto:'].includes(protocol) ? whole : undefined;
}
