"""`python -m integrations.sandbox`: the sandbox by itself."""

import sys

from integrations.sandbox.options import run

if __name__ == "__main__":
    run(sys.argv[1:])
