import { planJsonSchema } from '../../plan/json-schema.ts';

export interface PlanField {
  /** `stores.NAME.path`, `partitions[].select.prefix` */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly default: string | undefined;
  readonly description: string;
}

/** What is read here of a JSON Schema. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

/** Every field of a plan, as its schema has it. A field that stands in several branches with one meaning comes once. */
export function planFields(): PlanField[] {
  const found = new Map<string, PlanField>();
  for (const field of fieldsOf(planJsonSchema() as Schema, '')) {
    const id = `${field.path}\n${field.type}\n${field.description}`;
    if (!found.has(id)) found.set(id, field);
  }
  return [...found.values()];
}

function* fieldsOf(schema: Schema, path: string): Generator<PlanField> {
  for (const branch of branchesOf(schema)) {
    for (const [name, inner] of Object.entries(branch.properties ?? {})) {
      const at = path === '' ? name : `${path}.${name}`;
      yield {
        path: at,
        type: typeOf(inner),
        required: branch.required?.includes(name) === true,
        default: defaultOf(inner),
        description: inner.description ?? '',
      };
      yield* fieldsOf(inner, at);
    }
    if (typeof branch.additionalProperties === 'object') yield* fieldsOf(branch.additionalProperties, `${path}.NAME`);
    if (branch.items !== undefined) yield* fieldsOf(branch.items, `${path}[]`);
  }
}

function branchesOf(schema: Schema): readonly Schema[] {
  return schema.anyOf ?? schema.oneOf ?? [schema];
}

function typeOf(schema: Schema): string {
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches !== undefined) return [...new Set(branches.map(typeOf))].join(' or ');
  if (schema.const !== undefined) return `\`${String(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (schema.type === 'array') return schema.items === undefined ? 'list' : `list of ${typeOf(schema.items)}`;
  if (schema.type === 'object') return 'mapping';
  if (schema.minimum !== undefined && schema.maximum !== undefined && schema.maximum < Number.MAX_SAFE_INTEGER)
    return `${schema.minimum} to ${schema.maximum}`;
  return schema.type === 'string' ? 'text' : (schema.type ?? 'any');
}

function defaultOf({ default: value }: Schema): string | undefined {
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0))
    return undefined;
  return typeof value === 'object' || value === '' ? JSON.stringify(value) : String(value);
}
