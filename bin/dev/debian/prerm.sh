#!/bin/sh
# Before the files go. At an upgrade bal runs on: the new version takes its place when it is there.
set -e

case "$1" in
  remove | deconfigure)
    if [ -d /run/systemd/system ]; then deb-systemd-invoke stop bal.service >/dev/null || true; fi
    # One that systemd did not start. Connections may finish, as long as the configuration says.
    BAL_HOME=/var/lib/bal bal stop >/dev/null 2>&1 || true
    ;;
  upgrade | failed-upgrade) ;;
  *)
    echo "prerm called with unknown argument: $1" >&2
    exit 1
    ;;
esac
