#!/usr/bin/env node
// Starts the command line under a Node that can run it: this one, or the pinned one that npm installed beside us.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const compiled = join(root, 'dist', 'cli', 'main.js');
const main = existsSync(compiled) ? compiled : join(root, 'cli', 'main.ts');

if (Number(process.versions.node.split('.')[0]) === 22) await import(pathToFileURL(main).href);
else startPinned();

function startPinned() {
  const child = spawn(pinnedNode(), [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal sends Ctrl-C to both; the child decides what it means.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => forward(child, signal));
  // npx passes a signal on to its shell, and a shell that dies of it tells nobody: our parent is then another.
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
    `needs Node 22, this is ${process.version}, and no pinned Node for ${platform} is installed: run it with Node 22, ` +
      'or install without --omit=optional',
  );
}

function fail(message) {
  process.stderr.write(`expertgrid: ${message}\n`);
  process.exit(1);
}
