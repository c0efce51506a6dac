#!/usr/bin/env node
// Starts the command line under a Node that can run it: this one, or the pinned one that npm installed beside us.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** A published package has no sources. In a checkout, `dist` is only what an interrupted `npm pack` left. */
const source = join(root, 'cli', 'main.ts');
const main = existsSync(source) ? source : join(root, 'dist', 'cli', 'main.js');

/** The first version that runs TypeScript without a flag. */
const OLDEST = { major: 22, minor: 18 };
// npm runs the scripts of a checkout in its root, but paths of the user are relative to the user's folder.
const { npm_lifecycle_event: script, npm_package_name: owner, INIT_CWD: folder } = process.env;
if (owner === 'expertgrid' && ['start', 'expertgrid'].includes(script) && folder) process.chdir(folder);

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

if (major > OLDEST.major || (major === OLDEST.major && minor >= OLDEST.minor)) {
  await import(pathToFileURL(main).href);
} else startPinned();

function startPinned() {
  const child = spawn(pinnedNode(), [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; the child decides what it means.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => forward(child, signal));
  // npx passes a signal on to its shell, and the shell ends without telling us: our parent process is then another.
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
    `Node ${OLDEST.major}.${OLDEST.minor} or newer is needed, and this is ${process.version}: install a newer Node, or install ` +
      `expertgrid without --omit=optional, which brings a Node of its own to most platforms (this is ${platform}).`,
  );
}

function fail(message) {
  process.stderr.write(`expertgrid: ${message}\n`);
  process.exit(1);
}
