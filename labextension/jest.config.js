// Unit tests of the front end: everything under a __tests__ folder, in jsdom, without a network.
const jupyterlab = require('@jupyterlab/testing/lib/jest-config')(__dirname);

// packages that ship ES modules only and are transpiled for Node
const esModules = [
  '@codemirror',
  '@jupyter/react-components',
  '@jupyter/web-components',
  '@jupyter/ydoc',
  '@jupyterlab/',
  '@marijn',
  '@microsoft',
  'exenv-es6',
  'lib0',
  'marked',
  'nanoid',
  'vscode-ws-jsonrpc',
  'y-protocols',
  'y-websocket',
  'yjs'
].join('|');

module.exports = {
  ...jupyterlab,
  rootDir: __dirname,
  reporters: ['default'],
  testTimeout: 60000, // the machine may be busy with other tests
  testRegex: '/src/__tests__/.*\\.spec\\.tsx?$',
  transform: {
    ...jupyterlab.transform,
    '^.+\\.tsx?$': [
      'ts-jest/legacy',
      { tsconfig: `${__dirname}/tsconfig.test.json` }
    ]
  },
  transformIgnorePatterns: [`/node_modules/(?!${esModules}).+`]
};
