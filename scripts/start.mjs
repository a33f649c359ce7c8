// npm start: installs what is missing, then runs `salvage up` with the same arguments.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkMachine, installPackages, tree } from './install.mjs';

checkMachine();
installPackages({ withTools: false });
const command = join(tree, 'planner', 'src', 'cli', 'salvage.mjs');
const child = spawn(process.execPath, [command, 'up', ...process.argv.slice(2)], {
  stdio: 'inherit',
});
// Ctrl-C reaches the child by itself; what others send to us is passed on.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});
