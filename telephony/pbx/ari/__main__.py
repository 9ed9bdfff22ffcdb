"""`python -m telephony.pbx.ari URL USER [SUMMARY.json]`: does this Asterisk's ARI fit, and what is new?

If the file does not exist, a summary is written there; if it does, the differences are printed. The
password comes from the environment variable ARI_PASSWORD. Exit status 1 when something does not fit.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import msgspec

from telephony.pbx.ari.errors import AriError
from telephony.pbx.ari.listing import changes, check_listing, fetch_listing, summary


def main(arguments: list[str]) -> int:
    """Run it; returns the exit status."""
    if not 2 <= len(arguments) <= 3:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        listing = asyncio.run(fetch_listing(arguments[0], arguments[1], os.environ.get("ARI_PASSWORD", "")))
    except AriError as error:
        print(error, file=sys.stderr)
        return 1
    if len(arguments) == 3:
        kept = Path(arguments[2])
        if kept.exists():
            old = msgspec.json.decode(kept.read_bytes(), type=dict[str, dict[str, str]])
            print("\n".join(changes(old, summary(listing))))
        else:
            kept.write_bytes(msgspec.json.format(msgspec.json.encode(summary(listing))))
    problems = check_listing(listing)
    print("\n".join(problems) or "everything the client declares is there")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
