# SPDX-License-Identifier: GPL-3.0-or-later
"""A checkout and a release archive of Kubespray on the control host."""

from __future__ import annotations

import tarfile

import pytest
from ansible.errors import AnsibleError
from ansible_collections.airgap.python.plugins.lookup import kubespray


def ask(folder, term):
    """Return what the lookup returns for a path relative to the inventory."""
    lookup = kubespray.LookupModule()
    lookup.set_options = lambda **dummy: None
    return lookup.run([term], {"inventory_dir": str(folder)})


@pytest.fixture(name="checkout")
def checkout_fixture(tmp_path):
    """Return a folder with a checkout in it."""
    folder = tmp_path / "kubespray"
    (folder / "playbooks").mkdir(parents=True)
    (folder / "requirements.txt").write_text("netaddr\n")
    (folder / "galaxy.yml").write_text("version: 2.31.1\n")
    (folder / "playbooks/ansible_version.yml").write_text("- hosts: all\n")
    return folder


def test_checkout_and_archive_are_the_same(tmp_path, checkout):
    with tarfile.open(tmp_path / "kubespray.tar.gz", "w:gz") as stream:
        stream.add(checkout, "kubespray-2.31.1")
    expected = {"version": "2.31.1", "playbook": "- hosts: all\n"}
    for name in ("kubespray", "kubespray.tar.gz"):
        assert ask(tmp_path, name) == [dict(expected, path=str(tmp_path / name))]


def test_folder_that_is_not_kubespray_is_refused_by_what_it_lacks(tmp_path, checkout):
    (checkout / "playbooks/ansible_version.yml").unlink()
    with pytest.raises(AnsibleError, match=r"has no playbooks/ansible_version.yml, so it is not Kubespray"):
        ask(tmp_path, "kubespray")
    with pytest.raises(AnsibleError, match=r"There is no nowhere in .*Set kubespray_path"):
        ask(tmp_path, "nowhere")
