#!/bin/sh
# Runs after the files are removed. Configuration, logs and user stay until a purge.
set -e

case "$1" in
  remove)
    # This includes the files of a version whose upgrade failed.
    rm -rf /usr/lib/bal
    if [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null || true; fi
    ;;
  purge)
    # Before the home goes: whether the package has made the user. These programs may have been removed by now.
    if [ -e /var/lib/bal/.user-made-by-package ] && command -v deluser >/dev/null; then
      deluser --quiet --system bal >/dev/null 2>&1 || true
      delgroup --quiet --system bal >/dev/null 2>&1 || true
    fi
    rm -rf /var/lib/bal
    # Homes of bal@.service whose configuration exists: the link that systemd has made, and its target. Other programs may have
    # directories with such names.
    for home in /var/lib/bal-*; do
      [ -e "/etc/bal/${home#/var/lib/bal-}.yaml" ] || continue
      if [ "$(readlink "$home")" = "private/${home##*/}" ]; then rm -rf "/var/lib/private/${home##*/}" "$home"; fi
    done
    # The links made by 'systemctl enable'.
    rm -f /etc/systemd/system/multi-user.target.wants/bal.service /etc/systemd/system/multi-user.target.wants/bal@*.service
    ;;
  upgrade | failed-upgrade | abort-install | abort-upgrade | disappear) ;;
  *)
    echo "postrm called with unknown argument: $1" >&2
    exit 1
    ;;
esac
