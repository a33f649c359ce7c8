// A device profile: what is published about a kind of machine, with the source of each number.
// Seeds until a node has measured itself; intervals, never points.

export interface DeviceProfile {
  profileId: string;
  name: string;
  idleWatts: number;
  loadWatts: number;
  suspendWatts: number | null;
  offWatts: number | null;
  decodeBytesPerSecond: number | null;
  /** `wall` unless the source measured on the DC side. */
  scope: 'wall' | 'dc';
  /** Half-width of the interval around the watts: 0.4 for inferred ones, 0.1 for measured. */
  relativeError: number;
  source: string;
}
