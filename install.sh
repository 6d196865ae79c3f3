#!/bin/sh
# Installs, updates and removes bal; `install.sh --help` says how. POSIX sh, so that it also runs where there is no bash.
#
# Every version has its own folder, $PREFIX/lib/bal/VERSION, and $PREFIX/bin/bal is a link into one of them. A new version
# is unpacked beside the old one, tried, and then the link is renamed over the old link: whatever fails before that leaves
# the old installation as it was, and a bal that runs goes on finding its own files when it starts a new worker.
# All in one file, because it is also downloaded alone.
# shellcheck disable=SC2016 # the programs in single quotes are JavaScript; their dollars are not the shell's
set -eu
umask 022
export LC_ALL=C

usage() {
  cat <<'TEXT'
Usage: install.sh [--prefix DIR] [--version X]     install or update
       install.sh --uninstall [--purge] [--prefix DIR]

  --prefix DIR   where to: DIR/bin/bal and DIR/lib/bal (default $PREFIX, else /usr/local when it is writable, else ~/.local);
                 man page and completions in DIR/share; as root, for systemd, DIR/lib/systemd/system/bal@.service
  --version X    download this version, or "latest"
  --uninstall    remove the program; configuration and logs stay
  --purge        with --uninstall: remove configuration and logs too ($BAL_HOME, else ~/.bal)
  --help

Inside a clone or an unpacked release it installs that; otherwise, or when --version or BAL_RELEASE_URL is given, it
downloads a release from BAL_RELEASE_URL (https://github.com/parkjangwon/bal/releases; file:// works too) and checks its
SHA-256. A clone needs npm; a release needs only Node.js 20.19 or newer.
TEXT
}

newline='
'

# The three lines that every problem of bal has: what_happened, why_likely, do_this_now.
fail() {
  printf '  what_happened: %s\n  why_likely: %s\n  do_this_now: %s\n' "$1" "$2" "$3" >&2
  exit 1
}

misuse() {
  printf 'install.sh: %s; see --help\n' "$1" >&2
  exit 2
}

need_node() {
  how='install Node.js 20.19 or newer (https://nodejs.org/en/download, or a package of your system that is new enough), then run this again'
  command -v node >/dev/null 2>&1 ||
    fail 'Node.js was not found' "bal runs on Node.js, and there is no 'node' in PATH=$PATH" "$how"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    fail "Node.js $(node --version 2>/dev/null || echo '(broken)') at $(command -v node) is too old" 'bal needs Node.js 20.19 or newer' "$how"
}

# mv would move into a folder that exists, and is not everywhere able not to; rename(2) is.
rename() {
  node -e 'try { require("fs").renameSync(process.argv[1], process.argv[2]); }
    catch (error) { console.error(error.message); process.exit(1); }' "$1" "$2"
}

# One number for all that is in a folder: names, which files are executable, contents.
fingerprint() {
  node -e '
    const fs = require("fs"), path = require("path"), hash = require("crypto").createHash("sha256");
    const walk = (folder) => {
      for (const name of fs.readdirSync(folder).sort()) {
        const file = path.join(folder, name), stat = fs.lstatSync(file);
        hash.update(JSON.stringify([name, stat.isDirectory(), stat.mode & 0o100, stat.isFile() ? stat.size : 0]));
        if (stat.isDirectory()) walk(file);
        else if (stat.isFile()) hash.update(fs.readFileSync(file));
      }
    };
    walk(process.argv[1]);
    console.log(hash.digest("hex"));' "$1"
}

# The ids of the processes that run one of the folder's programs, or the link itself. A worker of bal is always among them:
# it is started by the full path of its file, also when its primary was started by the link.
running_from() { # FOLDER [LINK]
  node -e '
    const fs = require("fs"), [folder, link] = process.argv.slice(1), root = fs.realpathSync(folder) + "/";
    const ours = (word) => word === link || (word.startsWith(root) && word.endsWith(".js"));
    const words = (pid) => { try { return fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0"); } catch { return []; } };
    const ps = () => require("child_process").execFileSync("ps", ["-A", "-o", "pid=,args="], { encoding: "utf8" });
    const all = fs.existsSync("/proc/self/cmdline")
      ? fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map((pid) => [pid, words(pid)])
      : ps().split("\n").map((line) => line.trim().split(/\s+/)).map(([pid, ...args]) => [pid, args]);
    // A command that looks on, such as bal top, serves nobody: of those of bal only start does.
    const serves = (args) => {
      const at = args.slice(0, 3).findIndex(ours);
      return at !== -1 && (!/(^|\/)bal(\.js)?$/.test(args[at]) || args.slice(at + 1).includes("start"));
    };
    const found = all.filter(([pid, args]) => Number(pid) !== process.pid && serves(args));
    console.log(found.map(([pid]) => pid).join(" "));' "$@"
}

# As running_from, where this user has no Node.js: another one may have it, and run bal with it.
running_without_node() { # FOLDER LINK
  root=$(cd "$1" && pwd -P) || return 1
  for process in /proc/[0-9]*; do
    words=$({ tr '\0' '\n' <"$process/cmdline" | head -n 3; } 2>/dev/null) || continue
    case "$newline$words$newline" in
      *"$newline$root/"*.js"$newline"* | *"$newline$2$newline"*) printf '%s ' "${process#/proc/}" ;;
    esac
  done
}

# Whether the process runs a bal of another prefix. No, where it cannot be told.
runs_elsewhere() { # PID FOLDER LINK
  node -e '
    const fs = require("fs"), [pid, folder, link] = process.argv.slice(1);
    try {
      const root = fs.existsSync(folder) ? fs.realpathSync(folder) + "/" : null;
      const words = fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, 3);
      const program = words.find((word) => /^\/.*\/bal(\.js)?$/.test(word));
      const isOurs = program === link || (root !== null && program?.startsWith(root));
      process.exit(program !== undefined && !isOurs ? 0 : 1);
    } catch {
      process.exit(1);
    }' "$@"
}

# The id of the bal whose PID file this is, when it lives: line 1 its id, line 2 when it was started. Fails when the file
# cannot be read, so that nobody can tell.
running_in() {
  node -e '
    const fs = require("fs"), [file] = process.argv.slice(1);
    let text = "";
    try { if (fs.statSync(file).isFile()) text = fs.readFileSync(file, "utf8"); }
    catch (error) { process.exit(error.code === "ENOENT" || error.code === "ENOTDIR" ? 0 : 1); }
    const [pid, start] = text.split("\n");
    if (!/^[1-9]\d*$/.test(pid)) process.exit();
    // EPERM: it lives, and belongs to another user.
    try { process.kill(Number(pid), 0); } catch (error) { if (error.code !== "EPERM") process.exit(); }
    let stat = "";
    try { stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8"); } catch { /* not Linux, or hidden: the id alone must do */ }
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (stat !== "" && (fields[0] === "Z" || (start && fields[19] !== start.trim()))) process.exit();
    console.log(pid);' "$1"
}

writable() { # whether the folder, or the nearest one above it that exists, can be written
  folder=$1
  while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
  [ -d "$folder" ] && [ -w "$folder" ]
}

need_writable() {
  if ! writable "$prefix/bin" || ! writable "$lib"; then
    fail "$prefix cannot be written" 'it belongs to somebody else' 'run this as root, or choose another place: install.sh --prefix "$HOME/.local"'
  fi
}

choose_prefix() {
  prefix=${prefix:-${PREFIX:-}}
  if [ -z "$prefix" ]; then
    if writable /usr/local/bin && writable /usr/local/lib; then prefix=/usr/local; else prefix=${HOME:?}/.local; fi
  fi
  case $prefix in /*) ;; *) prefix=$(pwd)/$prefix ;; esac
  lib=$prefix/lib/bal link=$prefix/bin/bal unit=$prefix/lib/systemd/system/bal@.service
}

# The folder name of the version that the link leads to; nothing when there is no link of ours.
current() {
  target=$(readlink "$link" 2>/dev/null) || return 0
  case $target in
    ../lib/bal/*/dist/bal.js) target=${target#../lib/bal/} && printf '%s\n' "${target%/dist/bal.js}" ;;
  esac
}

version_in() {
  node -p 'const p = JSON.parse(require("fs").readFileSync(process.argv[1] + "/package.json", "utf8")); p.name === "bal" ? p.version : ""' "$1"
}

# ---------------------------------------------------------------------------------------------------------- download

fetch() { # URL FILE
  case $1 in
    file://*) cp "$(node -p 'require("url").fileURLToPath(process.argv[1])' "$1")" "$2" 2>/dev/null ;;
    *)
      # What was asked for over https is not taken from anywhere else.
      case $1 in https://*) only='=https' ;; *) only='=http,https' ;; esac
      if command -v curl >/dev/null 2>&1; then
        curl -fsSL --proto "$only" --connect-timeout 20 --retry 2 -o "$2" "$1"
      elif command -v wget >/dev/null 2>&1; then
        wget -q -T 20 -t 3 -O "$2" "$1"
      else
        fail 'neither curl nor wget was found' 'a release must be downloaded' 'install one of them, or unpack a release and run its install.sh'
      fi
      ;;
  esac
}

download() { # → $source, a folder with the release
  base=${BAL_RELEASE_URL:-https://github.com/parkjangwon/bal/releases}
  if [ "${wanted:-latest}" = latest ]; then from=${base%/}/latest/download; else from=${base%/}/download/v$wanted; fi
  machine=$(node -p 'process.platform + "-" + process.arch')
  fetch "$from/SHA256SUMS" "$work/SHA256SUMS" ||
    fail "$from/SHA256SUMS cannot be downloaded" 'there is no such release, or no network path to it' 'check the version, BAL_RELEASE_URL and the proxy settings'
  # Lines as sha256sum writes them; the name tells the version.
  line=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]\(bal-\([0-9][0-9A-Za-z.+-]*\)-$machine\.tar\.gz\)\$/\1 \2 \3/p" "$work/SHA256SUMS" | head -n 1)
  [ -n "$line" ] ||
    fail "$from/SHA256SUMS lists no file for $machine" 'there is no release for this system' 'install from a clone: git clone https://github.com/parkjangwon/bal && bal/install.sh'
  expected=${line%% *} version=${line##* } file=${line#* } file=${file%% *}
  if [ "$(current)" = "$version" ] && works "$lib/$version" "$version"; then
    echo "bal $version is already installed in $prefix; nothing changed"
    exit 0
  fi
  fetch "$from/$file" "$work/$file" ||
    fail "$from/$file cannot be downloaded" 'the network path broke, or the disk is full' 'run this again; nothing was changed'
  actual=$(node -p 'require("crypto").createHash("sha256").update(require("fs").readFileSync(process.argv[1])).digest("hex")' "$work/$file")
  [ "$actual" = "$expected" ] ||
    fail "$file has the SHA-256 $actual, and SHA256SUMS says $expected" 'the download is incomplete, or somebody changed it' 'run this again; if it stays so, do not install this file'
  mkdir "$work/unpacked"
  tar -xzf "$work/$file" -C "$work/unpacked" || fail "$file cannot be unpacked" 'the disk is full' "free some space in $prefix and run this again; nothing was changed"
  source=$work/unpacked/bal-$version
}

# ----------------------------------------------------------------------------------------------------------- install

works() { # FOLDER VERSION
  case $(node "$1/dist/bal.js" --version 2>/dev/null) in *"$2"*) ;; *) return 1 ;; esac
}

cleanup() {
  [ -z "${work:-}" ] || rm -rf "$work"
  # Folders that only this run has made.
  [ -z "${made:-}" ] || rmdir "$lib" 2>/dev/null || true
}

install() {
  need_node
  need_writable
  if [ -e "$link" ] || [ -L "$link" ]; then
    [ -n "$(current)" ] ||
      fail "$link is there already, and this script did not put it there" 'another bal is installed in this place' "stop that bal, remove $link, and run this again, or choose another --prefix"
  fi
  trap cleanup EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  trap 'exit 129' HUP
  [ -d "$lib" ] || made=yes
  no_room="free some space in $prefix and run this again; nothing was changed"
  mkdir -p "$lib" "$prefix/bin" || fail "$lib and $prefix/bin cannot be made" 'the disk is full or read-only' "$no_room"
  # Beside its final place: a rename within one file system happens at once or not at all.
  work=$(mktemp -d "$lib/.new-XXXXXX") || fail "$lib cannot be written" 'the disk is full or read-only' "$no_room"
  chmod 755 "$work"

  here=$(cd "$(dirname "$0")" 2>/dev/null && pwd) || here=
  case ${0##*/} in install.sh) ;; *) here= ;; esac
  if [ -n "${wanted:-}${BAL_RELEASE_URL:-}" ] || [ -z "$here" ] || [ ! -f "$here/package.json" ]; then
    download
  else
    source=$here
    if [ -f "$here/bin/dev/setup.mjs" ]; then
      command -v npm >/dev/null 2>&1 ||
        fail 'npm was not found' 'a clone must be built first, with npm' 'install npm, or install a release instead: install.sh --version latest'
      node "$here/bin/dev/setup.mjs" </dev/null ||
        fail "the clone in $here cannot be built" 'the lines above say why; npm needs a network path to its registry' 'solve that and run this again; nothing was changed'
    fi
  fi
  version=$(version_in "$source") || version=
  [ -n "$version" ] || fail "$source is not bal" 'its package.json does not say so' 'run the install.sh of a clone or of a release'

  new=$work/new
  mkdir "$new"
  for part in dist sample share package.json install.sh README.md README.ko.md CHANGELOG.md LICENSE \
    config/README.md lib/README.md lib/BEHAVIOUR.md lib/cli/README.md lib/control/README.md lib/engine/README.md lib/import/README.md; do
    [ ! -e "$source/$part" ] || { mkdir -p "$new/$(dirname "$part")" && cp -R "$source/$part" "$new/$part"; } ||
      fail "$part cannot be copied to $prefix" 'the disk is full' 'free some space and run this again; nothing was changed'
  done
  rm -f "$new/dist/.stamp"
  chmod 755 "$new/dist/bal.js" "$new/install.sh"
  works "$new" "$version" ||
    fail "the new bal does not run: $(node "$new/dist/bal.js" --version 2>&1 | sed -n '/Error/p' | head -n 1)" 'the files are incomplete' 'get them again and run this again; nothing was changed'

  old=$(current)
  print=$(fingerprint "$new")
  name=$version
  if [ -d "$lib/$name" ] && [ "$(fingerprint "$lib/$name")" != "$print" ]; then
    # The same version built anew: a bal may be running from the other one.
    name=$version-$(printf %.8s "$print")
  fi
  if [ "$old" = "$name" ]; then
    echo "bal $version is already installed in $prefix; nothing changed"
    exit 0
  fi
  [ -d "$lib/$name" ] || rename "$new" "$lib/$name" || fail "$lib/$name cannot be made" 'another installation is under way' 'run this again'
  ln -s "../lib/bal/$name/dist/bal.js" "$work/bal"
  rename "$work/bal" "$link" || fail "$link cannot be replaced" "$prefix/bin belongs to somebody else" 'run this as root; the old version still works'
  share "$name"
  install_unit "$name"
  forget_old_versions "$name" "$old"
  tell "$name" "$old"
}

# Completions and man page: links in $PREFIX/share to those of the version. What somebody else put there stays, and an
# installation is none the worse without them.
shared='man/man1/bal.1 bash-completion/completions/bal zsh/site-functions/_bal fish/vendor_completions.d/bal.fish'
share() { # NAME
  for file in $shared; do
    at=$prefix/share/$file
    if [ -e "$at" ] || [ -L "$at" ]; then
      is_shared_link "$at" || continue
      rm -f "$at" || true # ln says it
    fi
    [ -e "$lib/$1/share/$file" ] || continue
    { mkdir -p "${at%/*}" && ln -s "../../../lib/bal/$1/share/$file" "$at"; } 2>/dev/null ||
      echo "$at cannot be made: bal works without it" >&2
  done
}

# The unit for several bals, for whoever enables it: of root only, where there is systemd. A copy, because systemctl enables no link;
# one that is not ours stays. The first line tells.
unit_mark="# Installed by bal's install.sh, which replaces and removes it; your own changes: systemctl edit bal@"
install_unit() { # NAME
  from=$lib/$1/sample/bal@.service
  [ "$(id -u)" -eq 0 ] && [ -d /usr/lib/systemd/system ] && [ -e "$from" ] || return 0
  case $prefix in *[!A-Za-z0-9/._\ -]*) return 0 ;; esac
  if [ -e "$unit" ] || [ -L "$unit" ]; then is_our_unit || return 0; fi
  { mkdir -p "${unit%/*}" && { printf '%s\n' "$unit_mark" && sed "s|/usr/local/bin/bal|\"$link\"|" "$from"; } >"$unit"; } 2>/dev/null ||
    echo "$unit cannot be made: bal works without it" >&2
}

is_our_unit() {
  [ "$(head -n 1 "$unit" 2>/dev/null)" = "$unit_mark" ]
}

is_shared_link() { # FILE
  case $(readlink "$1" 2>/dev/null) in ../../../lib/bal/*/share/*) ;; *) return 1 ;; esac
}

# The version before this one stays: somebody may have started it a moment ago. Older ones go when nothing runs from them.
forget_old_versions() { # NEW OLD
  for folder in "$lib"/*; do
    case ${folder##*/} in "$1" | "$2") continue ;; esac
    [ -d "$folder" ] || continue
    pids=$(running_from "$folder") || pids=unknown
    [ -n "$pids" ] || rm -rf "$folder" || echo "the old version in $folder cannot be removed, and stays" >&2
  done
  # What an installation left that was killed more than a day ago.
  find "$lib/." ! -name . -prune -name '.new-*' -mtime +0 -exec rm -rf {} + || true # rm has said why; the next run tries again
}

tell() { # NEW OLD
  if [ -z "$2" ]; then echo "bal $version is installed: $link"; else echo "bal $version is installed: $link (before: $2)"; fi
  case :$PATH: in
    *":$prefix/bin:"*) ;;
    *) echo "$prefix/bin is not in your PATH: add it, for instance with  export PATH=\"$prefix/bin:\$PATH\"" ;;
  esac
  home=${BAL_HOME:-${HOME:-}/.bal}
  pid=$(running_in "$home/bal.pid") || pid=
  if [ -n "$pid" ]; then
    echo "The bal that runs (PID $pid) goes on with its old version until  bal upgrade"
  elif [ ! -e "$home/config.yaml" ]; then
    echo "Next:  mkdir -p \"$home\" && cp \"$lib/$1/sample/config.yaml\" \"$home/\" && bal check && bal start -d"
  fi
}

# --------------------------------------------------------------------------------------------------------- uninstall

uninstall() {
  not_ours='some of it belongs to another user' as_owner='run this again as that user, or as root'
  need_writable
  home=${BAL_HOME:-${HOME:-}/.bal}
  pids='' look=running_without_node
  if command -v node >/dev/null 2>&1; then
    look=running_from
    pids=$(running_in "$home/bal.pid") ||
      fail "whether bal is running cannot be told, $home/bal.pid cannot be read; nothing was removed" "$home belongs to another user" 'run this as that user or as root, or set BAL_HOME to your own'
  fi
  # It loses its home only, and that with --purge.
  if [ -n "$pids" ] && [ -z "$purge" ] && runs_elsewhere "$pids" "$lib" "$link"; then pids=; fi
  if [ -z "$pids" ] && [ -d "$lib" ]; then
    pids=$("$look" "$lib" "$link") ||
      fail 'whether bal is running cannot be told; nothing was removed' 'the list of processes cannot be read' 'run this as root'
  fi
  [ -z "$pids" ] || fail "bal is running (PID ${pids% }); nothing was removed" 'it was not stopped' "run 'bal stop', then this again"
  if [ -n "$(current)" ]; then
    rm -f "$link" || fail "$link cannot be removed" "$not_ours" "$as_owner"
    removed=yes
  fi
  if [ -d "$lib" ]; then
    rm -rf "$lib" || fail "not all of $lib can be removed" "$not_ours" "$as_owner"
    removed=yes
  fi
  for file in $shared; do
    ! is_shared_link "$prefix/share/$file" || rm -f "$prefix/share/$file" ||
      fail "$prefix/share/$file cannot be removed" "$not_ours" "$as_owner"
  done
  if is_our_unit; then
    rm -f "$unit" || fail "$unit cannot be removed" "$not_ours" "$as_owner"
    rmdir "${unit%/*}" "${unit%/*/*}" 2>/dev/null || true
  fi
  if [ -n "${removed:-}" ]; then echo "bal is removed from $prefix"; else echo "bal is not installed in $prefix"; fi
  if [ -z "${purge:-}" ]; then
    [ ! -d "$home" ] || echo "Configuration and logs stay in $home"
    return
  fi
  # Only what is bal's own, by name: BAL_HOME may be a folder with other things in it.
  # What a folder holds that may not be read, no pattern matches.
  if [ -d "$home/logs" ] && [ ! -r "$home/logs" ]; then
    fail "the logs in $home/logs cannot be removed" "$not_ours" "$as_owner"
  fi
  rm -f "$home/config.yaml" "$home/bal.pid" "$home/bal.sock" "$home/backends.json" "$home/backends.json.aside" "$home"/logs/bal*.log "$home/logs/bal.err" ||
    fail "not all of the configuration and logs in $home can be removed" "$not_ours" "$as_owner"
  rmdir "$home/logs" 2>/dev/null || true
  if [ ! -d "$home" ] || rmdir "$home" 2>/dev/null; then
    echo "Configuration and logs are removed from $home"
  else
    echo "Configuration and logs are removed; what else is in $home stays"
  fi
}

main() {
  prefix='' wanted='' action=install purge=''
  while [ $# -gt 0 ]; do
    case $1 in
      --prefix | --version) [ -n "${2:-}" ] || misuse "$1 needs a value" ;;
    esac
    case $1 in
      --prefix) prefix=$2 && shift ;;
      --version) wanted=${2#v} && shift ;;
      --uninstall) action=uninstall ;;
      --purge) purge=yes ;;
      --help | -h) usage && return ;;
      *) misuse "unknown option $1" ;;
    esac
    shift
  done
  case $wanted in *[!0-9A-Za-z.+-]*) misuse "--version $wanted is not a version" ;; esac
  [ -z "$purge" ] || [ "$action" = uninstall ] || misuse '--purge goes with --uninstall'
  [ -z "$wanted" ] || [ "$action" = install ] || misuse '--version does not go with --uninstall'
  choose_prefix
  "$action"
}

# At the very end, so that a script that arrives cut off does nothing.
main "$@"
