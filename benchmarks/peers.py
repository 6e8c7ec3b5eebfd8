"""An environment for peers that must not be installed beside the kit, made when it is needed.

looptime is a pytest plugin that patches every loop it meets. It goes into ``.venv-peers``; what
runs there finds everything else in the environment that made it, so all versions are the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path

_FOLDER = Path(".venv-peers")
_WANTED = Path(__file__).with_name("peers.txt")


def environment() -> Mapping[str, str] | None:
    """Variables to start Python with, so that it finds the peers; None if they cannot be had."""
    place = sysconfig.get_path("purelib", vars={"base": str(_FOLDER.resolve())})
    made = _FOLDER / f".ready-{sys.version_info.major}.{sys.version_info.minor}"
    if not made.exists() or made.read_text() != _WANTED.read_text():
        try:
            venv.create(_FOLDER, with_pip=True, clear=True)
            subprocess.run(
                [_FOLDER / "bin" / "python", "-m", "pip", "install", "-q", "-r", _WANTED],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        made.write_text(_WANTED.read_text())
    paths = [path for path in (os.environ.get("PYTHONPATH"), place) if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
