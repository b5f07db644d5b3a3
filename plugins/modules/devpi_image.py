#!/usr/bin/python
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: devpi_image
short_description: Build the container image of devpi-server from a bundle
version_added: 0.1.0
author:
  - airgap.python authors (@airgap-python)
description:
  - Builds an image for M(airgap.python.devpi_service) with podman, from a base image that is in podman's storage already, and
    from the bundle alone. The bundle's own C(install.sh) verifies every sum and makes the environment in it. The build has no
    network, and pulls nothing.
  - Signatures are not verified there; verify the bundle first, with M(airgap.python.bundle_verify).
  - The name of the image follows from the base image, the locks, the target and the paths. An image that exists is used as it is.
options:
  bundle:
    description: The bundle, verified.
    type: path
    required: true
  target:
    description: The name of the target that the interpreter of the base image is.
    type: str
    required: true
  base:
    description: The base image, as podman names it. It needs a POSIX shell and Python 3.8 or newer with its module C(venv).
    type: str
    required: true
  python:
    description: The interpreter in the base image that the environment is created with.
    type: path
    default: /usr/bin/python3
  venv:
    description: The path of the environment in the image.
    type: path
    default: /opt/airgap/airgap-devpi
attributes:
  check_mode:
    description: Returns the name that the image would have.
    support: full
  diff_mode:
    description: There is no difference to show.
    support: none
requirements:
  - python >= 3.8
  - podman >= 4.4
"""

EXAMPLES = r"""
- name: Build the image of devpi-server
  airgap.python.devpi_image:
    bundle: /srv/airgap/bundle
    target: node313
    base: docker.io/library/python:3.13-slim
    python: /usr/local/bin/python3
  register: image
"""

RETURN = r"""
image:
  description: The name of the image.
  returned: success
  type: str
  sample: localhost/airgap-devpi:6d1f0c2ab7e94d53
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.airgap.python.plugins.module_utils._errors import AirgapError
from ansible_collections.airgap.python.plugins.module_utils._index import _container


def main() -> None:
    """Build the image."""
    module = AnsibleModule(
        argument_spec={
            "bundle": {"type": "path", "required": True},
            "target": {"type": "str", "required": True},
            "base": {"type": "str", "required": True},
            "python": {"type": "path", "default": "/usr/bin/python3"},
            "venv": {"type": "path", "default": "/opt/airgap/airgap-devpi"},
        },
        supports_check_mode=True,
    )
    image = _container.Image(**{name: module.params[name] for name in _container.Image._fields})
    try:
        result = _container.ensure_image(module, image)
    except (AirgapError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
