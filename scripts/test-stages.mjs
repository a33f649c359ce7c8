// The stages of the test suite: which test files, and what keeps one out of a plain `npm test`.
// A costly stage is keyed by a hash of every file it reads: what passed with a key passes again.

/** Sources that every stage with real programs reads. */
const programs = [
  'package-lock.json',
  'package.json',
  'broker',
  'node-agent',
  'planner',
  'scripts',
  'test/lib',
];

export const stages = [
  {
    name: 'unit',
    about: 'beside the code, contract fixtures, tidy',
    tests: /\.test\.ts$/,
    not: /^test\/(cluster|chaos|join|hostile)\//,
  },
  {
    name: 'cluster',
    about: 'a whole cluster on this machine',
    tests: /^test\/cluster\/.*\.test\.ts$/,
  },
  {
    name: 'hostile',
    about: 'mutated MQTT connections and HTTP requests',
    tests: /^test\/hostile\/.*\.test\.ts$/,
    reads: [...programs, 'test/hostile'],
  },
  {
    name: 'chaos',
    about: 'kill -9 of each program, at random moments',
    tests: /^test\/chaos\/.*\.test\.ts$/,
    leftOut: 'takes several minutes',
    reads: [...programs, 'test/chaos'],
  },
  {
    name: 'join',
    about: 'a second machine joins by the printed line',
    tests: /^test\/join\/.*\.test\.ts$/,
    leftOut: 'needs root, mmdebstrap and network namespaces',
    needsRoot: true,
    reads: [...programs, 'test/join'],
  },
];
