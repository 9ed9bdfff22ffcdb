"""What tests, the demo and the benchmarks share: real phones, three-way reconciliation. Shipped with the package."""
