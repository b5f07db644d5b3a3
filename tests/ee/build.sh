#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds an execution environment from Debian with ansible-builder and podman, and runs the collection in it.
#
#   build.sh [IMAGE]
#
# The base image is made with mmdebstrap, so no container registry is asked. EE_SUITE names another Debian,
# EE_BASE_IMAGE an image of your own (with python3, pip and apt-get).
set -euo pipefail
cd "$(dirname "$0")/../.."
image=${1:-localhost/airgap-ee}
lab=molecule/lab/files
work=$PWD/build/ee
rm -rf "$work"
mkdir -p "$work"

say() { printf '\n==> %s\n' "$*"; }

for tool in podman mmdebstrap; do
    command -v "$tool" > /dev/null || { echo "make ee needs $tool: apt-get install podman runc mmdebstrap" >&2; exit 1; }
done

base=${EE_BASE_IMAGE:-}
if [ -z "$base" ]; then
    suite=${EE_SUITE:-trixie}
    packages=ca-certificates,python3,python3-pip,python3-venv
    # Another recipe is another image.
    base=localhost/airgap-ee-base:$suite-$(cat "$lab/build-image.sh" - <<< "$packages" | sha256sum | cut -c1-12)
    say "Base image: $base (made when it is missing)"
    "$lab/build-image.sh" "$base" "$suite" "$packages" "${AIRGAP_LAB_MIRROR:-}"
fi
flags=$(PODMAN_PROBE=true "$lab/podman-flags.sh" "$base")
mapfile -t flags <<< "$flags"
read -ra podman <<< "podman ${flags[0]}"
read -ra options <<< "${flags[1]:-}"

say "Building the collection"
ansible-galaxy collection build --force --output-path "$work"
mv "$work"/airgap-python-*.tar.gz "$work/airgap-python.tar.gz"
ansible-builder create --file tests/ee/execution-environment.yml --context "$work/context" --output-filename Containerfile

# pip in the build goes to its index as pip of this machine does. The files are mounted for the build and are not in the
# image; a URL with a password may be in them.
way_out=$(mktemp -d)
trap 'rm -rf "$way_out"' EXIT
python "$lab/read-way-out.py" | python -c '
import json, pathlib, sys
given = json.load(sys.stdin)
folder = pathlib.Path(sys.argv[1])
(folder / "pip.conf").write_text(given["pip_conf"])
(folder / "ca.crt").write_text(given["ca_bundle"])
' "$way_out"
mounts=(--volume "$way_out/pip.conf:/etc/pip.conf:ro")
[ ! -s "$way_out/ca.crt" ] || mounts+=(--volume "$way_out/ca.crt:/etc/ssl/certs/ca-certificates.crt:ro")

say "Building $image"
"${podman[@]}" build "${options[@]}" "${mounts[@]}" --network=host --squash --tag "$image" \
    --build-arg EE_BASE_IMAGE="$base" \
    --build-arg ANSIBLE_GALAXY_CLI_COLLECTION_OPTS=--offline \
    "$work/context"

run=("${podman[@]}" run --rm "${options[@]}" --network=none --volume "$PWD/inventories/lab:/inventory:ro" "$image")
# The mounts of the build must not have left anything behind.
"${run[@]}" sh -c '! test -s /etc/pip.conf' || { echo "$image holds the pip.conf of this machine" >&2; exit 1; }
for command in "ansible-playbook --version" "ansible-doc -l airgap.python" \
    "ansible-playbook airgap.python.site -i /inventory --syntax-check" "ssh -V" "ansible-runner --version"; do
    say "In $image, without a network: $command"
    # shellcheck disable=SC2086 # The commands are words.
    "${run[@]}" $command
done
printf '\n%s: %s MB, %s, %s\n' "$image" "$(("$(podman image inspect --format '{{.Size}}' "$image")" / 1000000))" "$base" "$(date -I)"
