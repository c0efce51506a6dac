// URLs of modules that a thread or a child process starts with.

/** URL of `name` (without its extension) beside the module `from` (an `import.meta.url`): `.ts` in a checkout, `.js` once compiled. */
export function moduleUrl(name: string, from: string): URL {
  return new URL(`${name}${from.endsWith('.ts') ? '.ts' : '.js'}`, from);
}
