"""`make demo`: a day of the center in a minute, on a real PBX with real SIP calls.

It ends with the day's figures and a comparison of three witnesses, call by call: what the phones saw, the PBX's own
record, Gudok's log. Exit status 0: they agree; 1: they do not; 130: interrupted. DEMO_SECONDS: length of the day.
"""

import os
import signal
import sys

INTERRUPTED = 130


def main() -> int:
    # Importing takes a second, in which there is nothing yet to take down: leave at once.
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    from benchmarks.demo_day import run

    try:
        return run(int(os.environ.get("DEMO_SECONDS", "60")))
    except KeyboardInterrupt:  # when all has been taken down
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
