// JSON Schema -> the dialect that node-llama-cpp turns into a grammar. Its dialect leaves out
// keywords in silence, and then the answer may break the schema; so whatever cannot be kept is
// refused here by name. What is allowed may be narrower than the schema (every property is
// written, none is added): each such answer still matches it.
import { engineLimits } from '../limits.ts';

export type JsonObject = { [key: string]: unknown };

export type SchemaResult = { ok: true; schema: JsonObject } | { ok: false; reasons: string[] };

/** Keywords that describe and do not constrain; `format` is one by default (2020-12, 7.2.1). */
const notes = new Set(
  '$schema $id $comment $anchor title description default examples deprecated readOnly writeOnly'
    .concat(' contentMediaType contentEncoding format $defs definitions nullable')
    .split(' '),
);
const known: Record<string, string[]> = {
  object: ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength'],
  integer: ['minimum', 'maximum'],
  number: [],
  boolean: [],
  null: [],
};
const formats = new Set(['date', 'time', 'date-time']);

interface Walk {
  reasons: string[];
  nodes: number;
}

/** The same schema in the grammar's dialect, or every reason why there is none. */
export function grammarSchema(root: JsonObject): SchemaResult {
  const walk: Walk = { reasons: [], nodes: 0 };
  const schema = translate(root, '#', 0, walk);
  const defs: JsonObject = {};
  for (const key of ['definitions', '$defs']) {
    if (!isObject(root[key])) continue;
    for (const [name, def] of Object.entries(root[key])) {
      defs[name] = translate(def, `#/${key}/${name}`, 1, walk);
    }
  }
  for (const name of references(schema, defs)) {
    if (!Object.hasOwn(defs, name)) walk.reasons.push(`#/$defs/${name} is not there`);
  }
  if (walk.reasons.length > 0) return { ok: false, reasons: walk.reasons.slice(0, 8) };
  return { ok: true, schema: Object.keys(defs).length > 0 ? { ...schema, $defs: defs } : schema };
}

function translate(schema: unknown, at: string, depth: number, walk: Walk): JsonObject {
  walk.nodes += 1;
  if (walk.nodes > engineLimits.schemaNodesMax) return refuse(walk, 'the schema is too large');
  if (depth > engineLimits.schemaDepthMax) return refuse(walk, 'the schema is nested too deeply');
  if (schema === true) return anyJson();
  if (!isObject(schema)) return refuse(walk, `${at} allows nothing, or is no schema`);

  const keys = Object.keys(schema).filter((key) => !notes.has(key));
  const alone = (key: string): boolean => keys.length === 1 && keys[0] === key;
  if (typeof schema['$ref'] === 'string') {
    if (!alone('$ref')) return refuse(walk, `${at} has more than its $ref`);
    return reference(schema['$ref'], at, walk);
  }
  for (const key of ['anyOf', 'oneOf', 'allOf']) {
    const parts = schema[key];
    if (parts === undefined) continue;
    if (!alone(key) || !Array.isArray(parts) || parts.length === 0) {
      return refuse(walk, `${at}: ${key} beside other keywords`);
    }
    if (key === 'allOf' && parts.length > 1) return refuse(walk, `${at}: allOf`);
    const each = parts.map((part, index) =>
      translate(part, `${at}/${key}/${index}`, depth + 1, walk),
    );
    return each.length === 1 && each[0] !== undefined ? each[0] : { oneOf: each };
  }
  if (schema['const'] !== undefined) return literals([schema['const']], keys, 'const', at, walk);
  if (Array.isArray(schema['enum'])) return literals(schema['enum'], keys, 'enum', at, walk);
  return typed(schema, keys, { at, depth, walk });
}

interface Place {
  at: string;
  depth: number;
  walk: Walk;
}

function typed(schema: JsonObject, keys: string[], place: Place): JsonObject {
  if (keys.length === 0) return anyJson();
  const named = schema['type'];
  const types = named === undefined ? guessTypes(keys) : Array.isArray(named) ? named : [named];
  if (types.length === 0) return refuse(place.walk, `${place.at} names no type`);
  const understood = new Set(['type', ...types.flatMap((type) => known[String(type)] ?? [])]);
  for (const key of keys) {
    const harmless = key === 'uniqueItems' && schema[key] === false;
    if (!understood.has(key) && !harmless) refuse(place.walk, `${place.at}: ${key}`);
  }
  const each = types.map((type) => oneType(String(type), schema, place));
  return each.length === 1 && each[0] !== undefined ? each[0] : { oneOf: each };
}

function oneType(type: string, schema: JsonObject, place: Place): JsonObject {
  if (known[type] === undefined) return refuse(place.walk, `${place.at}: type ${type}`);
  if (type === 'object') return objectSchema(schema, place);
  if (type === 'array') return arraySchema(schema, place);
  if (type === 'integer') return integerSchema(schema, place);
  if (type !== 'string') return { type };
  const { format } = schema;
  if (typeof format === 'string' && formats.has(format)) return { type, format };
  return { type, ...pick(schema, ['minLength', 'maxLength'], place) };
}

function objectSchema(schema: JsonObject, place: Place): JsonObject {
  const { at, depth, walk } = place;
  const inside = (value: unknown, name: string): JsonObject =>
    translate(value, `${at}/${name}`, depth + 1, walk);
  const properties: JsonObject = {};
  for (const [name, value] of Object.entries(
    (schema['properties'] as JsonObject | undefined) ?? {},
  )) {
    properties[name] = inside(value, `properties/${name}`);
  }
  for (const name of Array.isArray(schema['required']) ? schema['required'] : []) {
    if (!Object.hasOwn(properties, name)) properties[String(name)] = anyJson();
  }
  const bounds = pick(schema, ['minProperties', 'maxProperties'], place);
  const count = Object.keys(properties).length;
  if (count > 0) {
    // The grammar could write a listed name once more among the additional ones: none are added.
    if (Number(bounds['minProperties'] ?? 0) > count) refuse(walk, `${at}: minProperties`);
    if (Number(bounds['maxProperties'] ?? count) < count) refuse(walk, `${at}: maxProperties`);
    return { type: 'object', properties, additionalProperties: false };
  }
  const more = schema['additionalProperties'] ?? true;
  const additionalProperties =
    typeof more === 'boolean' ? more : inside(more, 'additionalProperties');
  return { type: 'object', additionalProperties, ...bounds };
}

function arraySchema(schema: JsonObject, place: Place): JsonObject {
  const { at, depth, walk } = place;
  const result: JsonObject = { type: 'array', ...pick(schema, ['minItems', 'maxItems'], place) };
  const prefix = schema['prefixItems'];
  if (Array.isArray(prefix)) {
    result['prefixItems'] = prefix.map((item, index) =>
      translate(item, `${at}/prefixItems/${index}`, depth + 1, walk),
    );
    if (Number(result['maxItems'] ?? prefix.length) < prefix.length)
      refuse(walk, `${at}: maxItems`);
  }
  if (schema['items'] === false && Array.isArray(prefix)) {
    result['maxItems'] = prefix.length;
  } else if (schema['items'] !== undefined) {
    result['items'] = translate(schema['items'], `${at}/items`, depth + 1, walk);
  }
  return result;
}

/** Both bounds and few values between them: a list. The grammar knows no other bounds. */
function integerSchema(schema: JsonObject, { at, walk }: Place): JsonObject {
  const { minimum, maximum } = schema;
  if (minimum === undefined && maximum === undefined) return { type: 'integer' };
  if (typeof minimum !== 'number' || typeof maximum !== 'number') {
    return refuse(walk, `${at}: ${minimum === undefined ? 'maximum' : 'minimum'} alone`);
  }
  const first = Math.ceil(minimum);
  const count = Math.floor(maximum) - first + 1;
  if (count < 1 || count > engineLimits.schemaIntegersMax) {
    return refuse(
      walk,
      `${at}: ${count} whole numbers (at most ${engineLimits.schemaIntegersMax})`,
    );
  }
  return { enum: Array.from({ length: count }, (_, index) => first + index) };
}

function literals(
  values: unknown[],
  keys: string[],
  keyword: string,
  at: string,
  walk: Walk,
): JsonObject {
  for (const key of keys) {
    if (key !== keyword && key !== 'type') refuse(walk, `${at}: ${key} beside ${keyword}`);
  }
  const plain = values.every((value) => value === null || typeof value !== 'object');
  if (!plain || values.length === 0) return refuse(walk, `${at}: ${keyword} with lists or objects`);
  return { enum: values };
}

function reference(target: string, at: string, walk: Walk): JsonObject {
  const name = /^#\/(?:\$defs|definitions)\/([^/]+)$/.exec(target)?.[1];
  if (name === undefined) return refuse(walk, `${at}: $ref ${target}`);
  return { $ref: `#/$defs/${name.replaceAll('~1', '/').replaceAll('~0', '~')}` };
}

/** Names that are referred to and reachable. */
function references(...roots: JsonObject[]): Set<string> {
  const names = new Set<string>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (!isObject(value)) return;
    if (typeof value['$ref'] === 'string') names.add(value['$ref'].slice('#/$defs/'.length));
    Object.values(value).forEach(visit);
  };
  roots.forEach(visit);
  return names;
}

function pick(schema: JsonObject, keys: string[], { at, walk }: Place): JsonObject {
  const picked: JsonObject = {};
  for (const key of keys) {
    const value = schema[key];
    if (value === undefined) continue;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) picked[key] = value;
    else refuse(walk, `${at}: ${key} is no whole number`);
  }
  const [low, high] = keys.map((key) => picked[key]);
  if (typeof low === 'number' && typeof high === 'number' && low > high) {
    refuse(walk, `${at}: ${keys[0]} is above ${keys[1]}`);
  }
  return picked;
}

function guessTypes(keys: string[]): string[] {
  return Object.keys(known).filter((type) => keys.some((key) => known[type]?.includes(key)));
}

function anyJson(): JsonObject {
  return {
    oneOf: [
      { type: 'object', additionalProperties: true },
      { type: 'array' },
      { type: ['string', 'number', 'boolean', 'null'] },
    ],
  };
}

function refuse(walk: Walk, reason: string): JsonObject {
  walk.reasons.push(reason);
  return { type: 'null' };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
