"""Whether this Python can make cbauth's virtual environment; if not, one sentence says what to do.

It has to run on an old Python in order to say that it is too old, so it uses nothing new.
"""

import importlib.util
import os
import subprocess
import sys

if sys.version_info < (3, 11):
    sys.exit(
        f"cbauth needs Python 3.11 or later, and {sys.executable} is {sys.version.split()[0]}: install a newer one, "
        "or name the one you have, as in: make PYTHON=python3.12 test"
    )
if not (importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip")):  # Debian packages them apart
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    sys.exit(subprocess.call(["sh", os.path.join(os.path.dirname(__file__), "packages"), package]))
