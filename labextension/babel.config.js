// Jest transpiles JupyterLab's own packages (ES modules) with JupyterLab's preset.
module.exports = require('@jupyterlab/testing/lib/babel-config');
