"""``python -m streamdicom``: the command line."""

import sys

from streamdicom.cli import main

if __name__ == "__main__":
    sys.exit(main())
