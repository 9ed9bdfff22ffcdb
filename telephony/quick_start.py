"""Makes the router's start quick.

Half a start is loading code: most of a million objects are made and stay, so that the garbage collector would search
them in vain again and again (a tenth of the time). And structlog loads rich, where it finds it, for the tracebacks of
its console; ours are plain.
"""

import gc
import sys

GARBAGE = 10_000
"""Objects between two looks of the collector: what a call leaves behind has no cycles and goes by itself."""


def begin() -> None:
    """To be called by the process that is the router, before anything else is imported."""
    gc.disable()
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # what is None there counts as not installed


def over() -> None:
    """The start is over: what is there now stays, and the collector need not look at it between two calls."""
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)
    gc.enable()
