"""`python -m governance`: hold the project to its conventions; the report is printed, and kept in target/governance/.

Exit codes: 0 every rule holds; 1 a rule is broken, or the project can't be judged.
"""

import sys

try:
    from governance.cli import main
except ModuleNotFoundError as error:
    sys.exit(f"governance: there is no Python module {error.name} here: make env installs it")

try:
    sys.exit(main())
except KeyboardInterrupt:
    sys.exit("governance: interrupted before it was done: nothing was judged")
