// Which program holds a TCP port, read from /proc: so that "11434 is taken" can say by whom.
// Formats: proc_net_tcp (Documentation/networking of the kernel), proc_pid_fd(5).
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** `ollama (process 812)`; null when nobody listens there or the owner cannot be seen. */
export function portHolder(port: number, root = '/'): string | null {
  const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listeners(root, table, port)));
  if (inodes.size === 0) return null;
  for (const pid of list(join(root, 'proc')).filter((name) => /^\d+$/.test(name))) {
    for (const descriptor of list(join(root, 'proc', pid, 'fd'))) {
      const inode = /^socket:\[(\d+)\]$/.exec(link(join(root, 'proc', pid, 'fd', descriptor)))?.[1];
      if (inode !== undefined && inodes.has(inode)) {
        const name = text(join(root, 'proc', pid, 'comm')).trim() || 'a program';
        return `${name} (process ${pid})`;
      }
    }
  }
  return 'a program of another user';
}

/** Inodes of sockets that listen (state 0A) on the port. */
function listeners(root: string, table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return text(join(root, 'proc', 'net', table))
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${hex}`) && fields[3] === '0A')
    .map((fields) => fields[9] ?? '');
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // the process is gone, or is not ours to look into
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function text(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
