#!/bin/sh
# Before the files go. At an upgrade bal runs on, and needs them until the new version has taken its place: dpkg removes
# them before that, so they are kept under another name.
set -e

programs=/usr/lib/bal

case "$1" in
  remove | deconfigure)
    if [ -d /run/systemd/system ]; then deb-systemd-invoke stop bal.service >/dev/null || true; fi
    # Instances of bal@.service, and one that systemd did not start. Connections may finish, as long as the configuration says.
    for home in /var/lib/bal /var/lib/bal-*; do
      [ ! -e "$home/bal.pid" ] || BAL_HOME=$home bal stop >/dev/null 2>&1 || true
    done
    ;;
  upgrade | failed-upgrade)
    program=$(readlink -f /usr/bin/bal) || program=
    program=${program%/dist/bal.js}
    rm -rf "$programs/.kept"
    if [ -d "$program" ]; then mkdir "$programs/.kept" && cp -al "$program" "$programs/.kept/"; fi
    ;;
  *)
    echo "prerm called with unknown argument: $1" >&2
    exit 1
    ;;
esac
