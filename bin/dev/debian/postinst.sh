#!/bin/sh
# After the files are there: the user that bal runs as; and where bal runs already, the new version takes its place, with
# its connections. Nothing is started: the configuration comes first (systemctl enable --now bal).
set -e

home=/var/lib/bal
programs=/usr/lib/bal

# The files of the version that runs, which dpkg has removed.
bring_back() {
  for kept in "$programs"/.kept/*; do
    if [ -d "$kept" ] && [ ! -e "$programs/${kept##*/}" ]; then mv "$kept" "$programs/"; fi
  done
  rm -rf "$programs/.kept"
}

# Nothing runs from them any more.
forget_others() {
  ours=$(readlink -f /usr/bin/bal)
  for other in "$programs"/*; do
    [ "$other" = "${ours%/dist/bal.js}" ] || rm -rf "$other"
  done
}

case "$1" in
  configure)
    adduser --quiet --system --group --home "$home" --no-create-home --gecos 'bal TCP load balancer' bal
    [ -d "$home" ] || install -d -m 0700 -o bal -g bal "$home"
    if [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null || true; fi
    if [ -n "$2" ]; then
      bring_back
      code=0
      said=$(BAL_HOME=$home bal upgrade 2>&1) || code=$?
      case $code in
        0) printf '%s\n' "$said" && forget_others ;;
        3) forget_others ;; # it does not run
        *) printf '%s\n' "$said" "The bal that runs goes on with its version until 'bal upgrade' succeeds" >&2 ;;
      esac
    fi
    ;;
  abort-upgrade) rm -rf "$programs/.kept" ;;
  abort-remove | abort-deconfigure) ;;
  *)
    echo "postinst called with unknown argument: $1" >&2
    exit 1
    ;;
esac
