"""The process above the router: starts it and one in reserve, kills it when it hangs, guards the callers."""
