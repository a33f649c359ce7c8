// Runs one program of the tree in the foreground with the arguments that follow its name. Signals
// reach it, its exit code becomes ours, and it dies when we do.
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const tree = fileURLToPath(new URL('../../../..', import.meta.url));

export async function runProgram(module: string, name: string): Promise<void> {
  const args = process.argv.slice(process.argv.indexOf(name) + 1);
  const child = fork(join(tree, module), args, {
    execArgv: ['--import', import.meta.resolve('tsx')],
    stdio: 'inherit',
  });
  process.on('SIGINT', () => undefined); // the terminal sends it to the child as well
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.exitCode = await new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal === null ? (code ?? 1) : 1));
  });
}
