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

# Of other versions, but for those that something runs from: a bal of another home, or whose upgrade was refused.
forget_others() {
  ours=$(readlink -f /usr/bin/bal)
  for other in "$programs"/*; do
    [ "$other" != "${ours%/dist/bal.js}" ] || continue
    # Not as an argument, for that would be found.
    # shellcheck disable=SC2062 # the pattern comes from standard input
    printf '%s' "$other/dist/" | grep -qsF --file=- /proc/[0-9]*/cmdline || rm -rf "$other"
  done
}

# Those that bal.service and bal@.service have.
upgrade_all() {
  for each in "$home" "$home"-*; do
    [ -e "$each/bal.pid" ] || continue
    code=0
    said=$(BAL_HOME=$each bal upgrade 2>&1) || code=$?
    case $code in
      0) printf '%s\n' "$said" ;;
      3) ;; # it does not run
      *) printf '%s\n' "$said" "The bal of $each goes on with its version until 'bal upgrade' succeeds" >&2 ;;
    esac
  done
}

case "$1" in
  configure)
    adduser --quiet --system --group --home "$home" --no-create-home --gecos 'bal TCP load balancer' bal
    [ -d "$home" ] || install -d -m 0700 -o bal -g bal "$home"
    if [ -d /run/systemd/system ]; then systemctl --system daemon-reload >/dev/null || true; fi
    if [ -n "$2" ]; then
      bring_back
      upgrade_all
      forget_others
    fi
    ;;
  abort-upgrade) rm -rf "$programs/.kept" ;;
  abort-remove | abort-deconfigure) ;;
  *)
    echo "postinst called with unknown argument: $1" >&2
    exit 1
    ;;
esac
