import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { planJsonSchema, planJsonSchemaText } from '../../src/plan/json-schema.ts';

interface Node {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Record<string, Node>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Node;
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
}

const schema = planJsonSchema() as Node & { $id: string; $schema: string; title: string };

function nodes(node: Node): Node[] {
  const below = [
    ...Object.values(node.properties ?? {}),
    ...(node.anyOf ?? []),
    ...(node.oneOf ?? []),
    ...(node.items === undefined ? [] : [node.items]),
    ...(typeof node.additionalProperties === 'object' ? [node.additionalProperties] : []),
  ];
  return [node, ...below.flatMap(nodes)];
}

test('the committed file is what the schema gives; after a change run: node src/plan/write-schema.ts', () => {
  const committed = readFileSync(new URL('../../plans/plan.schema.json', import.meta.url), 'utf8');
  expect(committed).toBe(planJsonSchemaText());
});

test('it names itself and what a plan must have', () => {
  expect(schema.$schema).toBe('https://json-schema.org/draft/2020-12/schema');
  expect(schema.$id).toMatch(/^urn:/);
  expect(schema.title).toContain('plan');
  expect(schema.required).toEqual(['apiVersion', 'name', 'stores', 'partitions']);
  expect(Object.keys(schema.properties ?? {})).toEqual([
    'apiVersion',
    'name',
    'residency',
    'runner',
    'stores',
    'control',
    'partitions',
    'exclude',
    'unassigned',
    'accept',
    'objectLock',
    'storageClass',
    'verify',
    'serverSideCopy',
    'approvers',
    'revoked',
    'drift',
    'evidence',
    'finish',
    'tombstone',
    'limits',
  ]);
});

test('no mapping takes unknown fields, and every field is described', () => {
  const mappings = nodes(schema).filter((node) => node.properties !== undefined);
  expect(mappings.length).toBeGreaterThan(10);
  for (const mapping of mappings) {
    expect(mapping.additionalProperties, mapping.description ?? '').toBe(false);
    for (const [name, field] of Object.entries(mapping.properties ?? {})) expect(field.description, name).toMatch(/\w/);
  }
});

test('a selector is one of three', () => {
  const select = schema.properties?.['partitions']?.items?.properties?.['select'];
  expect(select?.anyOf?.map((branch) => branch.required)).toEqual([['prefix'], ['pattern'], ['manifest']]);
  const exclude = schema.properties?.['exclude']?.items;
  expect(exclude?.anyOf?.every((branch) => branch.required?.includes('reason'))).toBe(true);
});
