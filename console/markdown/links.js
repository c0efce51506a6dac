// Decides which addresses the links in a model's text may have.

/**
 * The normalized address for a link. Undefined if it is neither a web page nor an e-mail address, because a `javascript:` or
 * `data:` address could run code in this page.
 * @param {string} href
 * @returns {string | undefined}
 */
export function safeLink(href) {
  if (!/^(https?:\/\/|mailto:)/i.test(href) || !URL.canParse(href)) return undefined;
  const { href: whole, protocol } = new URL(href);
  return ['http:', 'https:', 'mailto:'].includes(protocol) ? whole : undefined;
}
