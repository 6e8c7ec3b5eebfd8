"""``python -m sttkit``."""

import sys

from sttkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
