#!/bin/sh
# Runs after the files are installed: adds the user for bal, and upgrades running instances to the new version with their
# connections. Starts nothing: the configuration comes first (systemctl enable --now bal).
set -e

home=/var/lib/bal
programs=/usr/lib/bal

# Adds the user, and notes in the home that the package has made it: a purge must not remove the user of somebody else.
add_user() {
  theirs=$(getent passwd bal || getent group bal || true)
  adduser --quiet --system --group --home "$home" --no-create-home --gecos 'bal TCP load balancer' bal
  [ -d "$home" ] || install -d -m 0700 -o bal -g bal "$home"
  [ -n "$theirs" ] || touch "$home/.user-made-by-package"
}

# Restores the files of the running version, which dpkg has removed.
bring_back() {
  for kept in "$programs"/.kept/*; do
    if [ -d "$kept" ] && [ ! -e "$programs/${kept##*/}" ]; then mv "$kept" "$programs/"; fi
  done
  rm -rf "$programs/.kept"
}

# Removes other versions, except those in use: by a bal of another home, or one whose upgrade was refused.
forget_others() {
  ours=$(readlink -f /usr/bin/bal)
  for other in "$programs"/*; do
    [ "$other" != "${ours%/dist/bal.js}" ] || continue
    # Not as an argument, or grep would find its own command line.
    # shellcheck disable=SC2062 # the pattern comes from standard input
    printf '%s' "$other/dist/" | grep -qsF --file=- /proc/[0-9]*/cmdline || rm -rf "$other"
  done
}

# Upgrades the instances of bal.service and bal@.service.
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
    add_user
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
