#!/bin/sh
# Makes a bootstrapped root file system ($1) a test host. TEST_HOST_KEY is the public key that may log in.
set -eu
root=$1

for user in alice bob admin; do
    chroot "$root" useradd --create-home --shell /bin/bash "$user"
done
echo 'admin ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/admin"

echo "$TEST_HOST_KEY" >"$root/etc/ssh/authorized_keys"
cat >"$root/etc/ssh/sshd_config.d/test.conf" <<'END'
AuthorizedKeysFile /etc/ssh/authorized_keys
UseDNS no
MaxStartups 100
MaxSessions 100
END

# They would take apt's lock at a moment of their own.
chroot "$root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer

# Each container gets its own.
rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
: >"$root/etc/machine-id"
