// A main for tests. As `engine-binding` it is what the agent's own main is when it is forked as an
// engine; as `agent` it is a small agent that starts one, so that a test can kill it.
import { realClock, silentLog } from '@salvage/kit';
import type { EngineSpec } from '../engine.ts';

const [role, argument = ''] = process.argv.slice(2);

if (role === 'engine-binding') {
  const { runBindingChild } = await import('./child.ts');
  runBindingChild();
} else if (role === 'agent') {
  const { createBindingKind } = await import('./kind.ts');
  const entry = process.argv[1] ?? '';
  const options = { entry, argv: ['engine-binding'], clock: realClock, log: silentLog };
  const engine = createBindingKind(options).create(JSON.parse(argument) as EngineSpec);
  await engine.start(() => undefined);
  process.send?.(engine.pid);
}
