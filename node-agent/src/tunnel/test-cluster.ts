// For tests only: a cluster's authority and certificates as the planner issues them (CN the name,
// OU the role, DNS name `<name>.salvage.internal`), made with the openssl of the machine.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverNameOf, type TunnelIdentity } from './member.ts';

export interface TestCluster {
  /** A certificate for `name`, also valid for 127.0.0.1. `role` may be one that nobody knows. */
  issue(name: string, role: string): TunnelIdentity;
}

const keyOptions = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];

/** The authority's files live in a folder that goes when the test's process ends. */
export function makeTestCluster(): TestCluster {
  const folder = mkdtempSync(join(tmpdir(), 'salvage-authority-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const certify = (file: string, subject: string, extra: string[]): [string, string] => {
    const [certificate, key] = [join(folder, `${file}.pem`), join(folder, `${file}-key.pem`)];
    const output = ['-keyout', key, '-out', certificate, '-days', '3650', '-subj', subject];
    execFileSync('openssl', ['req', '-x509', ...keyOptions, ...output, ...extra], {
      stdio: 'pipe',
    });
    return [readFileSync(certificate, 'utf8'), readFileSync(key, 'utf8')];
  };
  const [caPem] = certify('ca', '/CN=salvage cluster/O=salvage', []);
  const authority = ['-CA', join(folder, 'ca.pem'), '-CAkey', join(folder, 'ca-key.pem')];

  return {
    issue: (name, role) => {
      const [certificatePem, keyPem] = certify(
        `${name}-${role}`,
        `/CN=${name}/OU=${role}/O=salvage`,
        [
          ...authority,
          ...['-addext', 'basicConstraints=critical,CA:FALSE'],
          ...['-addext', `subjectAltName=DNS:${serverNameOf(name)},IP:127.0.0.1`],
        ],
      );
      return { caPem, certificatePem, keyPem };
    },
  };
}
