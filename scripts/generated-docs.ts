// Documents that are printed from tables: the topic table as Markdown, each message as a JSON
// Schema, the failure table. `npm run docs` writes them; a tidy test compares them.
import { type TopicRow, topicNames, topicPrefix, topics, wireVersion } from '@salvage/contract';
import { failures } from '@salvage/kit';
import { toJsonSchema } from '@valibot/to-json-schema';

export interface GeneratedDoc {
  /** From the root of the tree. */
  path: string;
  text: string;
}

const notice = '<!-- Printed from the tables by npm run docs: change them, not this. -->';

export function generatedDocs(): GeneratedDoc[] {
  return [topicsDoc(), failuresDoc(), ...schemaDocs()];
}

function topicsDoc(): GeneratedDoc {
  const rows = topicNames.map((name) => {
    const row: TopicRow = topics[name];
    const cells = [
      `\`${row.pattern}\``,
      row.about,
      row.writers.join(', '),
      row.readers.join(', '),
      `${row.qos}`,
      row.retained ? 'yes' : 'no',
      `${row.bytesMax}`,
      `[${name}](schemas/${name}.json)`,
    ];
    return `| ${cells.join(' | ')} |`;
  });
  const text = [
    notice,
    `# Topics of wire version ${wireVersion}`,
    '',
    `All below \`${topicPrefix}/\`. \`node\` as a writer or reader is the node that the topic names.`,
    '',
    '| topic | what | writers | readers | QoS | retained | bytes at most | schema |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
  return { path: 'docs/generated/topics.md', text };
}

function failuresDoc(): GeneratedDoc {
  const rows = Object.entries(failures).map(([code, advice]) => `| \`${code}\` | ${advice} |`);
  const text = [
    notice,
    '# Error codes',
    '',
    '| code | what to do, unless the error itself says better |',
    '| --- | --- |',
    ...rows,
    '',
  ].join('\n');
  return { path: 'docs/generated/errors.md', text };
}

function schemaDocs(): GeneratedDoc[] {
  return topicNames.map((name) => {
    const row: TopicRow = topics[name];
    // What JSON Schema cannot say (reserved ids) the codec checks.
    const schema = toJsonSchema(row.schema as never, { errorMode: 'ignore' });
    const text = `${JSON.stringify({ title: name, ...schema }, null, 2)}\n`;
    return { path: `docs/generated/schemas/${name}.json`, text };
  });
}
