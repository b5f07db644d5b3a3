#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs in a container as root at each start, and configures it as a host that ssh reaches like a real one.
#
#   sh -s HOST SSH_FROM PUBLIC_KEY
#
# SSH_FROM is the only address from which ssh is accepted, or "any". Prints the host's public keys.
set -eu
host=$1 from=$2 key=$3

# systemd answers when its bus is up; then --wait returns at the end of the boot. A boot that never ends says why in the journal,
# for example that there are too many containers for fs.inotify.max_user_instances.
tries=0 started=$(date +%s)
until state=$(timeout 60 systemctl is-system-running --wait 2> /dev/null) || [ "$state" = degraded ]; do
    tries=$((tries + 1))
    seconds=$(($(date +%s) - started))
    if [ "$tries" -ge 50 ] || [ "$seconds" -ge 180 ]; then
        echo "systemd is not up in $host after $seconds seconds (${state:-no answer}). The end of its journal:" >&2
        journalctl --quiet --no-pager --output cat --lines 3 _PID=1 >&2 || true
        exit 1
    fi
    sleep 0.2
done

# put PATH MODE < content: the file appears under its name whole.
put() {
    cat > "$1.new"
    chmod "$2" "$1.new"
    mv "$1.new" "$1"
}

# The one who runs Ansible is not root, and becomes root by sudo.
id ops > /dev/null 2>&1 || useradd --create-home --shell /bin/bash ops
echo 'ops ALL=(ALL) NOPASSWD: ALL' | put /etc/sudoers.d/ops 440
install -d -m 700 -o ops -g ops ~ops/.ssh
echo "$key" | put ~ops/.ssh/authorized_keys 644

# What a playbook added stays.
grep -qx "127.0.1.1 $host" /etc/hosts || printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$host" > /etc/hosts
allow=ops
if [ "$from" != any ]; then
    allow=ops@$from
    # No name server: a name fails at once, as nothing listens on the address that libc asks then.
    : > /etc/resolv.conf
fi

ssh-keygen -A > /dev/null
put /etc/ssh/sshd_config.d/airgap-lab.conf 644 << CONF
AllowUsers $allow
PasswordAuthentication no
PermitRootLogin no
UseDNS no
CONF
# Debian calls the unit ssh, others sshd. At the first boot it had no host keys and failed.
unit=ssh
systemctl cat --quiet ssh.service > /dev/null 2>&1 || unit=sshd
systemctl reset-failed "$unit" 2> /dev/null || true
systemctl reload-or-restart "$unit"

failed=$(systemctl list-units --failed --plain --no-legend | cut -d' ' -f1 | xargs)
[ -z "$failed" ] || echo "$host is degraded: $failed failed (podman exec airgap-$host journalctl -u UNIT tells why)" >&2
cat /etc/ssh/ssh_host_*_key.pub
