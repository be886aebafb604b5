import { z } from 'zod';
import { planSchema } from './schema/plan.ts';

/**
 * The JSON Schema (draft 2020-12) of a plan as people write it, with variables expanded: for editors, and for those who make
 * plans by program. What a schema cannot tell (whether a country exists, whether a store is named) is left to `loadPlan`.
 */
export function planJsonSchema(): object {
  const schema = z.toJSONSchema(planSchema, { target: 'draft-2020-12', io: 'input', unrepresentable: 'any' });
  const { $schema, ...rest } = schema;
  return { $schema, $id: 'urn:dataferry:ferry:plan:v1', title: 'ferry plan, version 1', ...rest };
}

/** As it is committed at `plans/plan.schema.json`. */
export function planJsonSchemaText(): string {
  return `${JSON.stringify(planJsonSchema(), null, 2)}\n`;
}
