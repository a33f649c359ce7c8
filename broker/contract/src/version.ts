// The version of the wire: one integer, carried as `v` in every payload.
//
// History (newest last). A change that an older reader would misread raises it; a new optional
// key does not. Fixtures of every version are decoded for ever: old SD cards never update
// themselves.
//
//   1  first wire: node, planner, broker, job, signal and ask topics.
export const wireVersion = 1;

/** Everything salvage says over MQTT lives under this prefix. */
export const topicPrefix = 'salvage/v1';
