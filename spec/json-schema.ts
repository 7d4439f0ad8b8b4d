/** @file The JSON Schema of sweep files, for editors: completion, hints and red lines while one types. */
import { z } from 'zod';
import type { Json, JsonObject } from '../base/json.js';
import {
  answersSchema,
  deviceSchema,
  finetuneOverrides,
  gridSchema,
  limitsSchema,
  modelSchema,
  nameSchema,
  requiredSections,
  sections,
  seedCountSchema,
  seedSchema,
  taskRegistry,
  taskSchema,
  type TaskKey,
} from './definitions.js';
import { withSharedParts } from './shared-schemas.js';
import type { Vocabulary } from './vocabulary.js';

/** Draft 7, which the YAML language server speaks. Wherever a value may be a list, it says so. */
export function sweepJsonSchema(vocabulary: Vocabulary): JsonObject {
  return withSharedParts({
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Temper sweep',
    type: 'object',
    properties: {
      name: bare(nameSchema),
      device: bare(deviceSchema),
      tasks: named(sections.tasks, [
        ...taskSchemas(vocabulary, 'generator'),
        ...taskSchemas(vocabulary, 'type'),
      ]),
      models: named(sections.models, [
        ...Object.keys(vocabulary.architectures).map((name) => listable(modelSchema(vocabulary, name))),
        listable(answersSchema),
      ]),
      pairs: {
        description: sections.pairs,
        anyOf: [{ type: 'array', minItems: 1, items: listable(pairOfNames) }, bare(gridSchema)],
      },
      finetune: { ...listable(finetuneOverrides), description: sections.finetune },
      methods: methodList(vocabulary.methods, sections.methods),
      controls: {
        description: sections.controls,
        default: 'standard',
        anyOf: [{ type: 'string', enum: ['standard', 'none'] }, methodList(vocabulary.controls)],
      },
      seeds: {
        description: sections.seeds,
        default: 1,
        anyOf: [
          bare(seedCountSchema),
          { type: 'array', minItems: 1, uniqueItems: true, items: bare(seedSchema) },
        ],
      },
      scale: { description: sections.scale, default: 'full', type: 'string' },
      scales: {
        description: sections.scales,
        type: 'object',
        additionalProperties: { type: 'object', minProperties: 1 },
      },
      limits: { ...bare(limitsSchema), description: sections.limits, additionalProperties: false },
    },
    required: [...requiredSections],
    additionalProperties: false,
  });
}

const pairOfNames = z.object({
  weak: z.string().describe('the model that is trained on the truth of A and labels B'),
  strong: z.string().describe('the model that is trained on those labels'),
});

function taskSchemas(vocabulary: Vocabulary, key: TaskKey): JsonObject[] {
  return Object.keys(taskRegistry(vocabulary, key)).map((name) =>
    listable(taskSchema(vocabulary, key, name)),
  );
}

function named(description: string, definitions: JsonObject[]): JsonObject {
  const [only, ...others] = definitions;
  const additionalProperties = only !== undefined && others.length === 0 ? only : { anyOf: definitions };
  return { description, type: 'object', minProperties: 1, additionalProperties };
}

function methodList(registry: Record<string, z.ZodObject>, description?: string): JsonObject {
  const names = Object.keys(registry);
  const properties = Object.fromEntries(
    Object.entries(registry).map(([name, schema]) => {
      const parameters = listable(schema);
      // `- confidence:` with nothing after it is fine.
      return [
        name,
        { anyOf: [parameters, { type: 'null' }, { type: 'array', minItems: 1, items: parameters }] },
      ];
    }),
  );
  return {
    ...(description === undefined ? {} : { description }),
    type: 'array',
    items: {
      anyOf: [
        { type: 'string', enum: names },
        { type: 'object', properties, additionalProperties: false, minProperties: 1, maxProperties: 1 },
      ],
    },
  };
}

/** A schema as it stands. */
function bare(schema: z.core.$ZodType): JsonObject {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      delete jsonSchema['temperFile'];
      delete jsonSchema['temperName'];
    },
  }) as JsonObject;
  return rest;
}

/** A mapping each of whose values may also be a list of such values. */
function listable(schema: z.ZodObject): JsonObject {
  return orLists(bare(schema));
}

function orLists(shape: JsonObject): JsonObject {
  const properties = Object.entries(asObject(shape['properties'])).map(([name, value]) => {
    const field = asObject(value);
    const { description, default: standard, ...type } = field['type'] === 'object' ? orLists(field) : field;
    const hints: JsonObject = {
      ...(description === undefined ? {} : { description }),
      ...(standard === undefined ? {} : { default: standard }),
    };
    const either: JsonObject = { ...hints, anyOf: [type, { type: 'array', minItems: 1, items: type }] };
    return [name, either] as const;
  });
  return { ...shape, properties: Object.fromEntries(properties), additionalProperties: false };
}

const asObject = (value: Json | undefined): JsonObject =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? value : {};
