// A reporter for jest: writes what fails into a file, a line for each, before jest may end itself.
const { appendFileSync } = require('fs');

module.exports = class FirstFailure {
  onTestResult(test, result) {
    const failed = result.testResults.filter(({ status }) => status === 'failed');
    const names = failed.map(({ fullName }) => fullName);
    if (result.testExecError || (result.failureMessage && !names.length)) {
      names.push('');
    }
    for (const name of names) {
      const line = JSON.stringify({ file: test.path, name });
      appendFileSync(process.env.JGC_FAILURES, `${line}\n`);
    }
  }
};
