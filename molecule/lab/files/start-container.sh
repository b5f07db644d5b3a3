#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Starts a container. Creates it first if it does not exist or has another definition.
#
#   start-container.sh NAME LABEL podman [FLAG…] create OPTION… IMAGE
#
# Prints "running", "started" or "made".
set -eu

# Prints a hardware address that follows from an IPv4 address.
hardware_address() {
    echo "$1" | {
        IFS=. read -r a b c d
        printf '02:61:%02x:%02x:%02x:%02x' "$a" "$b" "$c" "$d"
    }
}

name=$1 label=$2
shift 2
did=started
state=$(podman container inspect --format '{{index .Config.Labels "airgap-lab"}} {{.State.Status}}' "$name" 2> /dev/null || true)
case $state in
    "$label running")
        echo running
        exit 0
        ;;
    "$label "*) ;;
    *)
        # A container from another definition or a killed run is replaced.
        podman rm --force --time 0 --ignore --volumes "$name" > /dev/null
        # The options of this script follow "podman [FLAG…] create".
        create=
        for word; do
            shift
            case $word in
                # A host keeps its hardware address when it reboots; with a new one, its neighbours would not reach it for minutes.
                --network=*:ip=*) word=$word,mac=$(hardware_address "${word##*:ip=}") ;;
            esac
            set -- "$@" "$word"
            if [ -z "$create" ] && [ "$word" = create ]; then
                create=yes
                set -- "$@" --quiet --name "$name" --label "airgap-lab=$label"
            fi
        done
        "$@" > /dev/null
        did=made
        ;;
esac
podman start "$name" > /dev/null
echo $did
