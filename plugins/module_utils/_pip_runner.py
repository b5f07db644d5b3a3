# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run pip so that it evaluates environment markers for a target.

pip's ``--platform`` and ``--python-version`` choose wheels for another
interpreter, but markers are evaluated for the running one (pypa/pip issue
11664). This file runs in the interpreter that holds pip:
``python _pip_runner.py ENVIRONMENT.json pip-arguments...``. It replaces the
marker environment of pip's own copy of packaging, proves that pip asks for
it, and then runs pip. It needs nothing but pip.
"""

from __future__ import annotations

import json
import sys

MOVED = 97


def install(environment: dict) -> None:
    """Make pip evaluate markers in ``environment`` (PEP 508 names to values)."""
    from pip._vendor.packaging import markers

    def target_environment() -> dict:
        return dict(environment)

    markers.default_environment = target_environment


def is_asked(environment: dict) -> bool:
    """Say whether a marker that only ``environment`` fulfils is true for pip's requirements."""
    from pip._vendor.packaging.markers import Marker
    from pip._vendor.packaging.requirements import Requirement

    nonce = "airgap-marker-check"
    install(dict(environment, platform_version=nonce))
    try:
        direct = Marker("platform_version == '%s'" % nonce).evaluate({"extra": ""})
        parsed = Requirement("x; platform_version == '%s'" % nonce).marker
        return bool(direct and parsed and parsed.evaluate({"extra": ""}))
    except Exception:  # whatever a new pip raises, it means that the ground moved
        return False
    finally:
        install(environment)


def main() -> int:
    """Read the environment, check that it counts, run pip."""
    with open(sys.argv[1]) as stream:
        environment = json.load(stream)
    if not is_asked(environment):
        import pip

        sys.stderr.write(
            "ERROR: pip %s does not evaluate markers where this collection expects it. "
            "Stage with an older pip (stage_pip).\n" % pip.__version__
        )
        return MOVED
    from pip._internal.cli.main import main as pip_main

    return pip_main(sys.argv[2:])


if __name__ == "__main__":
    raise SystemExit(main())
