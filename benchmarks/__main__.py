"""``python -m benchmarks``: run everything, print one table."""

from __future__ import annotations

import platform

from benchmarks import server_load


def main() -> None:
    """Print the report."""
    print(f"sttkit benchmarks - Python {platform.python_version()}, {platform.machine()}")
    print("\nThe fake server")
    for name, figure in server_load.main():
        print(f"  {name:<58} {figure}")


if __name__ == "__main__":
    main()
