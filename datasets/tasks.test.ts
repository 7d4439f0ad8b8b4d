import { expect, test } from 'vitest';
import { z } from 'zod';
import { taskNamed, tasks } from './tasks.js';

test('every task is registered under its name, and describes its parameters for editors', () => {
  for (const [name, task] of Object.entries(tasks)) {
    expect(task.name).toBe(name);
    const schema = z.toJSONSchema(task.parameters, { io: 'input' });
    for (const [key, property] of Object.entries(schema.properties ?? {})) {
      expect(key).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(property, `${name}.${key}`).toHaveProperty('description');
    }
    for (const file of task.files) expect(schema.properties).toHaveProperty(file);
  }
});

test('an unknown task is an error that helps', () => {
  expect(taskNamed('dialects')).toBe(tasks['dialects']);
  expect(() => taskNamed('dialect')).toThrow(
    /^there is no task "dialect"; the tasks are .*classification.*, dialects, .* Did you mean "dialects"\?$/,
  );
});
