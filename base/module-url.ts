// URLs of the modules with which threads and child processes start.

/**
 * `name`: the module's file name without its extension. `from`: `import.meta.url` of a module in the same folder. The extension is
 * `.ts` in a checkout and `.js` in the compiled package.
 */
export function moduleUrl(name: string, from: string): URL {
  return new URL(`${name}${from.endsWith('.ts') ? '.ts' : '.js'}`, from);
}
