"""Environments for peers that must not be installed beside the kit, made when they are needed.

looptime and cassetter bring pytest plugins, and looptime's patches every loop it meets; mitmproxy
wants other versions of what the kit needs, too. Each goes into a folder of ``.venv-peers``, as
``peers-NAME.txt`` says.
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


def environment(peer: str) -> Mapping[str, str] | None:
    """Variables to start Python with, so that it finds a peer; None if it cannot be had.

    What runs there finds everything else in the environment that made it, so all versions are the
    same.
    """
    folder = _made(peer)
    if folder is None:
        return None
    place = sysconfig.get_path("purelib", vars={"base": str(folder.resolve())})
    paths = [path for path in (os.environ.get("PYTHONPATH"), place) if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def program(peer: str, name: str) -> Path | None:
    """A program of a peer; None if it cannot be had."""
    folder = _made(peer)
    return folder / "bin" / name if folder is not None else None


def _made(peer: str) -> Path | None:
    folder = _FOLDER / peer
    wanted = Path(__file__).with_name(f"peers-{peer}.txt")
    made = folder / f".ready-{sys.version_info.major}.{sys.version_info.minor}"
    if not made.exists() or made.read_text() != wanted.read_text():
        try:
            venv.create(folder, with_pip=True, clear=True)
            subprocess.run(
                [folder / "bin" / "python", "-m", "pip", "install", "-q", "-r", wanted],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except (OSError, subprocess.CalledProcessError):
            return None
        made.write_text(wanted.read_text())
    return folder
