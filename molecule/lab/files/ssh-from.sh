#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs ssh of this machine in a container's network: to the far side it comes from there.
#
#   ssh-from.sh CONTAINER SSH_ARGUMENT…
set -eu
process=$(podman inspect --format '{{.State.Pid}}' "$1")
shift
exec nsenter --net="/proc/$process/ns/net" ssh "$@"
