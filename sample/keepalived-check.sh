#!/bin/sh
# Whether clients should be sent to this machine, for keepalived and whoever else asks by exit code: 0 when bal is ready;
# anything else when it is starting, stopping, gone, hung, or has a service without a backend that is up.
#
#   keepalived-check.sh [URL [SECONDS]]
#
# It asks the admin listener (`admin: "127.0.0.1:9296"`), with curl or wget, and gives up after two seconds.
set -u
url=${1:-http://127.0.0.1:9296/readyz}
seconds=${2:-2}

if command -v curl >/dev/null 2>&1; then
  exec curl --silent --fail --output /dev/null --noproxy '*' --max-time "$seconds" "$url"
fi
if command -v wget >/dev/null 2>&1; then
  # Its own limit is for each step and begins anew with every byte; timeout(1) is for all of it.
  if command -v timeout >/dev/null 2>&1; then
    exec env http_proxy= timeout "$seconds" wget -q -O /dev/null -T "$seconds" -t 1 "$url"
  fi
  exec env http_proxy= wget -q -O /dev/null -T "$seconds" -t 1 "$url"
fi
echo "keepalived-check.sh: neither curl nor wget is installed" >&2
exit 2
