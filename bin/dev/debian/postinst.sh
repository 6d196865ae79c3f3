#!/bin/sh
# After the files are there: the user that bal runs as; and where bal runs already, the new version takes its place, with
# its connections. Nothing is started: the configuration comes first (systemctl enable --now bal).
set -e

home=/var/lib/bal

case "$1" in
  configure)
    adduser --quiet --system --group --home "$home" --no-create-home --gecos 'bal TCP load balancer' bal
    [ -d "$home" ] || install -d -m 0700 -o bal -g bal "$home"
    if [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null || true; fi
    if [ -n "$2" ]; then
      code=0
      said=$(BAL_HOME=$home bal upgrade 2>&1) || code=$?
      case $code in
        0) printf '%s\n' "$said" ;;
        3) ;; # it does not run
        *)
          printf '%s\n' "$said" "The bal that runs goes on with its old program, whose files are gone: 'bal upgrade' tries again" >&2
          ;;
      esac
    fi
    ;;
  abort-upgrade | abort-remove | abort-deconfigure) ;;
  *)
    echo "postinst called with unknown argument: $1" >&2
    exit 1
    ;;
esac
