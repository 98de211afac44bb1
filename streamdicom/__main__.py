"""``python -m streamdicom``: the command line."""

from streamdicom.cli import main

if __name__ == "__main__":
    main()
