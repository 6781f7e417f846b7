"""`python -m marrow_niche`, and the command `marrow-niche`."""

import sys

from marrow_niche.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
