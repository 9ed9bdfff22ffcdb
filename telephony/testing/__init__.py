"""What tests, the demo and the benchmarks share. Shipped with the package.

`story` tells stories of calls in virtual time, on a PBX in memory; `promises` looks after each of their events whether
the promises of the house are kept. `phones` are real ones, `reconcile` compares what they saw with the records.
"""
