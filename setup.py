"""Build the compiled engine if the machine can; without it streamdicom runs in plain Python.

``STREAMDICOM_NATIVE`` in the environment decides: ``require`` makes a failed build an error, ``no`` builds nothing.
"""

import os
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.errors import BaseError
from setuptools_rust import Binding, RustExtension, Strip
from setuptools_rust import build_rust as setuptools_build_rust

_MODULE = "streamdicom._native._engine"
_WISH = os.environ.get("STREAMDICOM_NATIVE", "")
_FOLDER = Path("streamdicom", "_native")


class BuildRust(setuptools_build_rust):
    """The build of the engine, which may fail."""

    def run(self) -> None:
        """Build the engine, or go on without it."""
        try:
            super().run()
        except (BaseError, OSError, SystemExit) as error:
            if _WISH == "require":
                raise
            self._go_on_without(error)

    def _go_on_without(self, error: BaseException) -> None:
        self.distribution.rust_extensions = []
        self.distribution.has_ext_modules = lambda: False  # which makes the wheel one for any platform
        build_lib = Path(self.get_finalized_command("build").build_lib, _FOLDER)
        for stale in (*build_lib.glob("_engine.*[!i]"), *(_FOLDER.glob("_engine.*[!i]") if self.inplace else ())):
            stale.unlink()
        print(f"warning: the compiled engine was not built, plain Python takes its place: {error}", file=sys.stderr)


class BdistWheel(bdist_wheel):
    """A wheel whose tag depends on the success of the build."""

    def finalize_options(self) -> None:
        """Choose the stable ABI."""
        super().finalize_options()
        self.py_limited_api = "cp311"

    def run_command(self, command: str) -> None:
        """Run a command; after the build, see what was built."""
        super().run_command(command)
        if command == "build":
            self.root_is_pure = not self.distribution.has_ext_modules()


setup(
    rust_extensions=[]
    if _WISH == "no"
    else [
        RustExtension(
            _MODULE,
            path="native/Cargo.toml",
            binding=Binding.PyO3,
            py_limited_api=True,
            strip=Strip.All,
            debug=False,  # an editable install would build one that is many times slower
            args=["--locked"],
        )
    ],
    cmdclass={"build_rust": BuildRust, "bdist_wheel": BdistWheel},
)
