#!/bin/sh
# After the files are gone. Configuration, logs and user stay until a purge.
set -e

case "$1" in
  remove)
    # Those of a version whose upgrade did not succeed.
    rm -rf /usr/lib/bal
    if [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null || true; fi
    ;;
  purge)
    rm -rf /var/lib/bal
    # Of bal@.service, if its configuration is there: a link that systemd has made, and where it leads. Others may have
    # folders of such a name.
    for home in /var/lib/bal-*; do
      [ -e "/etc/bal/${home#/var/lib/bal-}.yaml" ] || continue
      if [ "$(readlink "$home")" = "private/${home##*/}" ]; then rm -rf "/var/lib/private/${home##*/}" "$home"; fi
    done
    # What 'systemctl enable' has made.
    rm -f /etc/systemd/system/multi-user.target.wants/bal.service /etc/systemd/system/multi-user.target.wants/bal@*.service
    # The programs that do it may be gone by now.
    if command -v deluser >/dev/null; then
      deluser --quiet --system bal >/dev/null 2>&1 || true
      delgroup --quiet --system bal >/dev/null 2>&1 || true
    fi
    ;;
  upgrade | failed-upgrade | abort-install | abort-upgrade | disappear) ;;
  *)
    echo "postrm called with unknown argument: $1" >&2
    exit 1
    ;;
esac
