"""Write the sample recording that the README processes."""

import sys
from pathlib import Path

from tests.skies.cases import SAMPLE, write

if __name__ == "__main__":
    write(SAMPLE, Path(sys.argv[1]))
