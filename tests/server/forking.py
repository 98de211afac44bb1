"""Server after server over a folder, for a process of its own.

For each line of standard input, the process forks. The child prints its identifier, and runs ``streamdicom serve``. The
process waits for the end of the child.
"""

from __future__ import annotations

import os
import sys

from pydicom import Dataset

import streamdicom
import streamdicom.cli.serving
import streamdicom.datasets.builder
import streamdicom.datasets.walker
import streamdicom.formats.json.writer
import streamdicom.server.app
from streamdicom.cli import main

if __name__ == "__main__":
    streamdicom.loads(streamdicom.dumps(Dataset()))  # imports the other modules, which each child would import
    for _ in sys.stdin:
        child = os.fork()
        if not child:
            print(os.getpid(), flush=True)
            sys.exit(main(["serve", sys.argv[1], "--port", "0"]))
        os.waitpid(child, 0)
