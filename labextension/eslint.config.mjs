// Lint rules of the front end: all of JupyterLab's own rules as errors, type-aware TypeScript rules.
import jupyter from '@jupyter/eslint-plugin';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/** Every rule of the plugin but those for Galata, which our browser tests do not use. */
const jupyterRules = Object.fromEntries(
  Object.keys(jupyter.rules)
    .filter(rule => !rule.startsWith('galata-'))
    .map(rule => [`jupyter/${rule}`, 'error'])
);

export default tseslint.config(
  { ignores: ['labextension/lib/', '**/*.js', '**/*.mjs'] },
  {
    files: ['labextension/src/**/*.{ts,tsx}'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        project: 'labextension/tsconfig.test.json',
        tsconfigRootDir: process.cwd()
      }
    },
    plugins: { jupyter },
    rules: {
      ...jupyterRules,
      '@typescript-eslint/naming-convention': [
        'error',
        {
          selector: 'interface',
          format: ['PascalCase'],
          custom: { regex: '^I[A-Z]', match: true }
        }
      ],
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { args: 'none' }],
      // Lumino's signals take `this` as their second argument
      '@typescript-eslint/unbound-method': 'off',
      curly: ['error', 'all'],
      eqeqeq: 'error',
      'no-console': 'error',
      'prefer-arrow-callback': 'error'
    }
  },
  {
    files: ['labextension/src/__tests__/**'],
    rules: {
      'jupyter/prefer-lazy-imports': 'off',
      'jupyter/require-disposable-ownership': 'off'
    }
  },
  prettier
);
