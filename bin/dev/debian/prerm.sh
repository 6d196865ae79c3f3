#!/bin/sh
# Runs before the files are removed. In an upgrade bal keeps running and needs its files until the new version has replaced it. dpkg
# removes them earlier, so they are kept under another name.
set -e

programs=/usr/lib/bal

case "$1" in
  remove | deconfigure)
    if [ -d /run/systemd/system ]; then deb-systemd-invoke stop bal.service >/dev/null || true; fi
    # Instances of bal@.service, and one not started by systemd. Connections get the configured time to finish.
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
