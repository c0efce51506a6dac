// `expertgrid edge` with accounts as a process, in front of a stand-in. It can be started again over the same accounts.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startCli } from '../../../support/process.ts';
import { type Handle, type StandIn, startStandIn } from '../stand-in.ts';
import { ADMIN, SECRET, temporaryFile } from './edge-with-accounts.ts';

export interface EdgeCommand {
  gateway: StandIn;
  /** Has the file `admin` with the secret of operators. */
  folder: string;
  start(): Promise<{ edge: ReturnType<typeof startCli>; url: string }>;
}

export async function edgeCommand(handle: Handle): Promise<EdgeCommand> {
  const accounts = temporaryFile('accounts.db');
  const folder = dirname(accounts);
  writeFileSync(join(folder, 'secret'), SECRET);
  writeFileSync(join(folder, 'admin'), ADMIN);
  const gateway = await startStandIn(handle);
  const secrets = [
    '--edge-secret-file',
    join(folder, 'secret'),
    '--admin-secret-file',
    join(folder, 'admin'),
  ];
  return {
    gateway,
    folder,
    async start() {
      const edge = startCli([
        'edge',
        '--gateways',
        gateway.url,
        ...secrets,
        '--accounts',
        accounts,
        '--port',
        '0',
      ]);
      const [, url = ''] = await edge.says(/^edge ready in .* at (http:\S+)/m);
      return { edge, url };
    },
  };
}
