"""`python -m defectlab.book`."""

import sys

from defectlab.book.command import main

if __name__ == "__main__":
    sys.exit(main())
