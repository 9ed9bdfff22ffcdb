"""The subcommands of `gudok`: one module each, with `arguments(parser)` and `run(args) -> exit status`."""
