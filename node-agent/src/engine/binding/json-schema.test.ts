import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { grammarText } from './grammar.ts';
import { grammarSchema, type JsonObject } from './json-schema.ts';

function check(schema: JsonObject, want: JsonObject): void {
  assert.deepEqual(grammarSchema(schema), { ok: true, schema: want });
}

function refused(schema: JsonObject, reason: RegExp): void {
  const result = grammarSchema(schema);
  assert.ok(!result.ok, JSON.stringify(result));
  assert.match(result.reasons.join('; '), reason);
}

describe('JSON Schema for the grammar', () => {
  it('keeps what the grammar can keep', () => {
    check(
      {
        $schema: 'https://json-schema.org/draft/2020-12/schema',
        title: 'lamp',
        type: 'object',
        required: ['on', 'note'],
        properties: {
          on: { type: 'boolean', description: 'lit' },
          level: { type: 'integer', minimum: 0, maximum: 3 },
          at: { type: 'string', format: 'date-time' },
          mail: { type: 'string', format: 'email', maxLength: 9 },
        },
      },
      {
        type: 'object',
        additionalProperties: false,
        properties: {
          on: { type: 'boolean' },
          level: { enum: [0, 1, 2, 3] },
          at: { type: 'string', format: 'date-time' },
          mail: { type: 'string', maxLength: 9 },
          note: {
            oneOf: [
              { type: 'object', additionalProperties: true },
              { type: 'array' },
              { type: ['string', 'number', 'boolean', 'null'] },
            ],
          },
        },
      },
    );
    check({ type: 'object' }, { type: 'object', additionalProperties: true });
    check(
      { anyOf: [{ type: 'null' }, { const: 4 }] },
      { oneOf: [{ type: 'null' }, { enum: [4] }] },
    );
    check({ type: ['string', 'null'] }, { oneOf: [{ type: 'string' }, { type: 'null' }] });
    check(
      { $ref: '#/definitions/x', definitions: { x: { type: 'null' } } },
      { $ref: '#/$defs/x', $defs: { x: { type: 'null' } } },
    );
  });

  it('names what it cannot keep', () => {
    refused({ type: 'string', pattern: '^a' }, /^#: pattern$/);
    refused(
      { type: 'object', properties: { a: { type: 'number', minimum: 1 } } },
      /properties\/a: minimum/,
    );
    refused({ type: 'integer', minimum: 0 }, /minimum alone/);
    refused({ type: 'integer', minimum: 0, maximum: 1e9 }, /whole numbers/);
    refused({ allOf: [{ type: 'null' }, { type: 'null' }] }, /allOf/);
    refused({ type: 'array', uniqueItems: true }, /uniqueItems/);
    refused({ $ref: '#/$defs/missing' }, /missing is not there/);
    refused({ enum: [{ a: 1 }] }, /lists or objects/);
    refused({ type: 'string', minLength: 3, maxLength: 1 }, /above/);
  });

  it('bounds the schema', () => {
    let deep: JsonObject = { type: 'null' };
    for (let depth = 0; depth < 100; depth += 1) deep = { type: 'array', items: deep };
    refused(deep, /nested too deeply/);
  });

  it('puts two rules of the grammar right', () => {
    const written = 'root ::= integer-number-rule "\\n\\n\\n\\n" [\\n]*\ninteger-number-rule ::= x';
    assert.equal(
      grammarText(written),
      'root ::= integer-number-rule\ninteger-number-rule ::= "-"? ("0" | [1-9] [0-9]{0,15})',
    );
    assert.throws(() => grammarText('root ::= "x"'));
  });
});
