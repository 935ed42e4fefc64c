"""Programs that people run and no test is: each measures something, and says it in figures.

`tests/rigs` tries each of them, small.
"""
