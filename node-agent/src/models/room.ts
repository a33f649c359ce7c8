// Which files must go so that one more fits: partial ones first (they can be fetched again where
// they broke off or from the start), then whole ones, the longest unused first. Pure. When even
// that is not enough nothing goes.

export interface HeldFile {
  sha256: string;
  kind: 'part' | 'whole';
  bytes: number;
  /** Rises with every use; of a part: when it was last written to. */
  usedAt: number;
  /** False while an engine has it open, or while it is being written. */
  canGo: boolean;
}

interface RoomQuestion {
  /** Size of the file that is to come. */
  bytes: number;
  /** What of it is on the disk already, in a part that `held` does not list. */
  bytesThere: number;
  held: readonly HeldFile[];
  limitBytes: number;
  /** Free disk without the reserve; negative when the reserve is touched already. */
  diskBytes: number;
  filesMax: number;
}

type RoomPlan =
  | { ok: true; evict: HeldFile[] }
  /** How many bytes are wanting after all that may go is gone; 0 when it is the number of files. */
  | { ok: false; missingBytes: number; heldBytes: number };

export function planRoom(question: RoomQuestion): RoomPlan {
  const { bytes, bytesThere, held, limitBytes, diskBytes } = question;
  const heldBytes = held.reduce((sum, file) => sum + file.bytes, 0);
  let missingBytes = Math.max(heldBytes + bytes - limitBytes, bytes - bytesThere - diskBytes);
  let filesOver = held.filter((file) => file.kind === 'whole').length + 1 - question.filesMax;

  const evict: HeldFile[] = [];
  for (const file of [...held].filter(({ canGo }) => canGo).sort(compareWorth)) {
    const isWhole = file.kind === 'whole';
    if (missingBytes <= 0 && !(filesOver > 0 && isWhole)) continue;
    evict.push(file);
    missingBytes -= file.bytes;
    if (isWhole) filesOver -= 1;
  }
  if (missingBytes > 0 || filesOver > 0) {
    return { ok: false, missingBytes: Math.max(0, missingBytes), heldBytes };
  }
  return { ok: true, evict };
}

function compareWorth(first: HeldFile, second: HeldFile): number {
  if (first.kind !== second.kind) return first.kind === 'part' ? -1 : 1;
  return first.usedAt - second.usedAt;
}
