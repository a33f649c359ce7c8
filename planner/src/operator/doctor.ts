// What is wrong, and what to do: findings from the cluster's state, worst first. Pure.
import type { Finding, StatusView } from './api.ts';

const rank = { error: 0, warning: 1, info: 2, ok: 3 } as const;

export function findingsOf(status: StatusView, modelsCount: number): Finding[] {
  const findings: Finding[] = [];
  const say = (severity: Finding['severity'], what: string, detail: string, advice = ''): number =>
    findings.push({ severity, what, detail, advice });

  if (!status.brokerConnected) {
    say('error', 'broker', 'the planner has no connection to it', 'see its log; is it running?');
  } else if (status.broker?.problem) {
    say('warning', 'broker', status.broker.problem, '');
  } else {
    const { server = '?', version = '' } = status.broker ?? {};
    say('ok', 'broker', `${server} ${version}`.trim());
  }
  if (status.nodes.length === 0) {
    say('error', 'nodes', 'no machine has joined', 'npm start runs an agent on this machine');
  }
  for (const node of status.nodes) {
    if (node.state !== 'awake') {
      const advice = `switch it on, or forget it: salvage nodes remove ${node.nodeId}`;
      say('warning', `node ${node.nodeId}`, `it is ${node.state}`, advice);
      continue;
    }
    if (node.drained) {
      const advice = `salvage nodes drain ${node.nodeId} --undo`;
      say('info', `node ${node.nodeId}`, 'it is drained and takes no work', advice);
    }
    if (node.watts === null) {
      say(
        'info',
        `node ${node.nodeId}`,
        'no joules: no meter is read yet and no device profile matches this machine',
        'its CPU seconds are counted in the meantime',
      );
    }
    for (const engine of node.engines.filter((one) => one.phase === 'failed')) {
      const detail = `${engine.modelId} failed: ${engine.problem ?? 'no reason given'}`;
      say('error', `node ${node.nodeId}`, detail, `salvage nodes logs ${node.nodeId}`);
    }
    for (const warning of node.warnings) {
      const severity = warning.severity === 'error' ? 'error' : warning.severity;
      say(severity, `node ${node.nodeId}`, `${warning.title}: ${warning.text}`, warning.advice);
    }
    if (node.warnings.length === 0 && node.engines.every((one) => one.phase !== 'failed')) {
      say('ok', `node ${node.nodeId}`, `awake, ${node.engines.length} engine(s)`);
    }
  }
  for (const warning of status.warnings) {
    say(warning.severity, 'planner', `${warning.title}: ${warning.text}`, warning.advice);
  }
  if (modelsCount === 0) {
    say('error', 'models', 'the store is empty', 'salvage models list --catalogue shows what fits');
  } else {
    say('ok', 'models', `${modelsCount} in the store`);
  }
  if (status.lanOpen) say('info', 'doors', `open to the network: ${status.hubUrl ?? ''}`);
  else say('ok', 'doors', 'closed: only this machine reaches the cluster');
  return findings.sort((a, b) => rank[a.severity] - rank[b.severity]);
}
