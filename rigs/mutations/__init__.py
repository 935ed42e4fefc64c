"""Mutation check: does the suite notice small faults in the product's code?

    python -m rigs.mutations list --seed 20261125   # draws 30 faults anew, into faults.json
    python -m rigs.mutations run --out FILE         # tries each of them
    python -m rigs.mutations run --ids s01 m03      # tries these
    python -m rigs.mutations run --suite COMMIT ... # the same with the tests of another commit
    python -m rigs.mutations table FILE             # shows what a run has found

The list
    `faults.json` is kept, so that two versions of the suite meet the same faults: 12 of `service/`,
    9 of `backends/docker/` and 9 of `labextension/src/model/`, one for a file, drawn by a seed. A
    fault is one line: `<` becomes `<=`, `and` becomes `or`, a call is left out, and so on. A later
    version of a file takes the fault where the old line still stands, once; else `run` says so.

A run
    Everything happens in a work tree of its own, in the temporary folder, at a commit (HEAD unless
    `--commit` names another): what is not committed takes no part. `.venv` and `node_modules` are
    lent to it by links. The installed package is the checkout's, so PYTHONPATH names the work tree,
    also to what the tests start, and the run makes sure of that before it begins.

    A fault of Python meets the fast tests, then the engine's, then with `--whole` the browser's;
    those that import the mutated module come first, the nearest before all. The tests of packaging
    make the package and try nothing of what it does; they take part with `--whole`. A fault of
    TypeScript meets the unit tests that import the file; with `--whole` the front end is built with
    it and the browser's tests are run.

    Two workers run the tests side by side, as `./run test` does. An older suite that is not made
    for it fails now and then. Such failures are told and do not count, but take time: `--workers 1`
    does without.

    The first failure ends it. A failure counts if the same test passes without the fault and fails
    again with it; a test that fails without it is told as broken and left out from then on. A test
    that takes longer than its time (`--test-limit`), or tests that take longer than theirs together
    (`--limit`), count as found and are written as a time-out. A busy machine makes these, too: look
    at each of them.

    The result is written after each fault. The same command goes on where it was interrupted.

Comparing two versions of the suite
    1. `run --out new.json` with the present suite.
    2. `run --suite OLD --missed new.json --out old.json`: the faults that were not found meet the
       tests of the commit OLD, with its settings of pytest and jest, in the present code.
    3. Where these find none either, the present suite finds at least as many. Where they do, the
       table names the test that has been lost. A test of OLD that fails without a fault, because
       the code has changed since, is among the broken.

Mutated code removes containers and files of the suite, and can err: run it on a machine whose
engine has nothing that you would miss.
"""
