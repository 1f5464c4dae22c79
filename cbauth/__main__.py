"""``python -m cbauth`` is the command ``cbauth``."""

from __future__ import annotations

import sys

from cbauth.cli import main

if __name__ == "__main__":
    sys.exit(main())
