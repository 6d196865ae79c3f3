#!/bin/sh
# Checks whether clients should be sent to this machine, for keepalived and anything else that uses exit codes. 0: bal is ready.
# Anything else: bal is starting, stopping, gone or hung, or a service has no backend that is up.
#
#   keepalived-check.sh [URL [SECONDS]]
#
# Asks the admin listener (`admin: "127.0.0.1:9296"`) with curl or wget, and gives up after two seconds.
set -u
url=${1:-http://127.0.0.1:9296/readyz}
seconds=${2:-2}

if command -v curl >/dev/null 2>&1; then
  exec curl --silent --fail --output /dev/null --noproxy '*' --max-time "$seconds" "$url"
fi
if command -v wget >/dev/null 2>&1; then
  # wget's limit is per step and restarts with every byte; timeout(1) limits the whole request.
  if command -v timeout >/dev/null 2>&1; then
    exec env http_proxy= timeout "$seconds" wget -q -O /dev/null -T "$seconds" -t 1 "$url"
  fi
  exec env http_proxy= wget -q -O /dev/null -T "$seconds" -t 1 "$url"
fi
echo "keepalived-check.sh: neither curl nor wget is installed" >&2
exit 2
