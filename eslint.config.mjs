/** @file The house's rules that a machine can check: see CONTRIBUTING.md for the others. */
import { builtinModules } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import tseslint from 'typescript-eslint';

/** Globals that would make a workflow's replay differ from its first run, or reach around Temporal. */
const outsideOfWorkflows = ['process', 'Buffer', 'fetch', 'performance', 'require', 'setImmediate'];

export default tseslint.config(
  { ignores: ['dist/', 'node_modules/', '.temper/', '**/fixtures/', '**/*_pb.ts'] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['vitest.config.ts'] },
        tsconfigRootDir: dirname(fileURLToPath(import.meta.url)),
      },
    },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/ban-ts-comment': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      // An async function without await may keep a promise's promise: errors come as rejections.
      '@typescript-eslint/require-await': 'off',
      // Numbers in messages are what messages are for.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-empty': ['error', { allowEmptyCatch: false }],
      'prefer-const': 'error',
      eqeqeq: 'error',
    },
  },
  {
    files: ['workflows/**/*.ts'],
    ignores: ['**/*.test.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: builtinModules.flatMap((name) => [name, `node:${name}`]),
          patterns: [
            {
              regex: '^@temporalio/(?!(workflow|common)$)',
              message: 'Workflow code may use @temporalio/workflow and @temporalio/common only.',
            },
            {
              regex: '^\\.\\./(?!base/)',
              allowTypeImports: true,
              message: 'Only types come from other rooms.',
            },
          ],
        },
      ],
      'no-restricted-globals': ['error', ...outsideOfWorkflows],
      'no-console': 'error',
    },
  },
  {
    // Descriptions of other people's JavaScript: classes that are only types.
    files: ['**/*.d.ts'],
    rules: { '@typescript-eslint/no-unused-vars': 'off' },
  },
  {
    files: ['**/*.test.ts'],
    rules: {
      // vitest's matchers are typed `any`.
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs,cjs}'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: { 'no-empty': ['error', { allowEmptyCatch: false }], 'no-undef': 'off' },
  },
);
