#!/usr/bin/env node
// Entry of `salvage`: plain JavaScript, so that it can say in a sentence what it needs before
// anything else is loaded, and then run the TypeScript sources as they are.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (process.platform !== 'linux' || major < 20 || (major === 20 && minor < 19)) {
  const here = `${process.platform} with Node ${process.versions.node}`;
  process.stderr.write(`salvage runs on Linux with Node 20.19 or newer; this is ${here}\n`);
  process.exit(1);
}

const { register } = await import('tsx/esm/api');
// A tsconfig.json of the folder where somebody stands must not change how these sources are read.
register({ tsconfig: false });
const { main } = await import('./main.ts');
await main(process.argv.slice(2));
