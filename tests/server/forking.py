"""Server after server over a folder, for a process of its own.

For each line of standard input, the process forks, and the child runs ``streamdicom serve``. The process prints the
identifier of the child, the child prints its URL, and the process waits for the end of the child.
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
            sys.exit(main(["serve", sys.argv[1], "--port", "0"]))
        print(child, flush=True)
        os.waitpid(child, 0)
