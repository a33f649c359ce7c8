// The agent's version, as a constant: the bundle carries no package.json to read it from. A test
// holds it equal to the package's.
export const agentVersion = '0.1.0';
