"""Contents of strings, as the tokenizer sees them."""

from __future__ import annotations

import subprocess
import sys

import pytest

_AT_THE_END_OF_MEMORY = r'''
import ctypes
import sys

from streamdicom.jsontext.strings import mask_text

ARENA = 1 << 20  # bytes that Python asks the system for at a time
TEXTS = ["\\\\aaaaaa", "a\\\\aaaaa", "aa\\\\aaaa", '\\"aaaaaa', 'a\\"aaaaa', 'aa\\"aaaa']  # twice 8 bytes fill a block

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]

def guard(size):
    """Take the highest free addresses, which must not be read from then on."""
    return libc.mmap(None, size, 0, 0x22, -1, 0)

masked = [mask_text(text) for text in TEXTS]
objects = [None] * 1_000_000
lowest = guard(ARENA)
while (following := guard(ARENA)) != lowest - ARENA:
    lowest = following
lowest = guard(following % ARENA) if following % ARENA else following
last = None
for place in range(len(objects)):
    objects[place] = object()
    if id(objects[place]) + 16 == lowest:
        last = place
        break
if last is None:
    sys.exit(77)
for text, expected in zip(TEXTS, masked):
    objects[last] = None  # the next block of this size is there
    assert mask_text(text) == expected
    objects[last] = object()
print("read")
'''


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="guards memory by a system call of Linux")
def test_masking_reads_nothing_past_the_end_of_a_text() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _AT_THE_END_OF_MEMORY], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode == 77:
        pytest.skip("no block of memory ends where the guarded addresses begin")
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr
