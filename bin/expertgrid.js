#!/usr/bin/env node
// Starts the command line with a version of Node that can run it: this one, or else the pinned Node that npm installed as a dependency.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** A published package has only `dist`. A checkout runs its sources; it has a `dist` only if `npm pack` was interrupted. */
const source = join(root, 'cli', 'main.ts');
const main = existsSync(source) ? source : join(root, 'dist', 'cli', 'main.js');

/** The first version of Node that runs TypeScript without a flag. */
const OLDEST = { major: 22, minor: 18 };
// npm runs scripts in the root of the checkout, but the user's paths are relative to the folder in which the user called npm.
const { npm_lifecycle_event: script, npm_package_name: owner, INIT_CWD: folder } = process.env;
if (owner === 'expertgrid' && ['start', 'expertgrid'].includes(script) && folder) process.chdir(folder);

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) {
  await import(pathToFileURL(main).href);
} else startPinned();

function startPinned() {
  const child = spawn(pinnedNode(), [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both processes, so `forward` does not send it again.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => forward(child, signal));
  // npx sends a signal only to its shell, which ends without passing it on. Then the id of the parent process changes.
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), 500).unref();
  child.on('error', (error) => fail(`cannot start the pinned Node: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.kill(process.pid, signal);
    process.exit(1);
  });
}

function forward(child, signal) {
  if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
}

function pinnedNode() {
  const platform = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  for (const name of [`node-${platform}`, `node-bin-${platform}`]) {
    try {
      const folder = dirname(require.resolve(`${name}/package.json`));
      return join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return fail(
    `Node ${OLDEST.major}.${OLDEST.minor} or newer is needed; this is ${process.version}. Install a newer Node. Or install ` +
      `expertgrid without --omit=optional, which adds a suitable Node on most platforms (this is ${platform}).`,
  );
}

function fail(message) {
  process.stderr.write(`expertgrid: ${message}\n`);
  process.exit(1);
}
