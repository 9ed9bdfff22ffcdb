"""Reading and checking the configuration: YAML to typed records, every mistake with its line."""
