"""What is run on a machine elsewhere, in POSIX sh with coreutils; see `vpn.host.ssh`.

Values stand in variables that are assigned before: `home`, `name`, `mode` and what else is read.
"""

from vpn.host.interface import READ_LIMIT

# What a script ends with; the reason is the last line of its complaint.
FAILED, NO_FOLDER, NO_FILE, A_FOLDER, CUT_OFF = 3, 4, 5, 6, 8
# st_mode in hex, uid, gid, modification, change: with nanoseconds.
FACTS = "%f %u %g %.9Y %.9Z"

BEGIN = f"""\
LC_ALL=C; export LC_ALL; unset CDPATH; umask 077
no() {{ echo "$2" >&2; exit "$1"; }}
home() {{ stat -L -c '' -- "$home" >/dev/null || exit {FAILED}
  cd -- "$home" 2>/dev/null || no {FAILED} 'cd: Permission denied'; }}
into() {{ was=$(stat -c '%d:%i %F' -- "./$1") || exit {FAILED}
  case $was in *' directory') ;; *) no {NO_FOLDER} "$1" ;; esac
  cd -P "./$1" 2>/dev/null || no {FAILED} 'cd: Permission denied'
  [ "$(stat -c '%d:%i %F' .)" = "$was" ] || no {NO_FOLDER} "$1"; }}
"""
# Where others may put one, root reads no file of two names: the other may be a secret.
READ = f"""\
kind=$(stat -c %F -- "$name") || exit {FAILED}
case $kind in regular*) ;; directory) exit {A_FOLDER} ;; *) exit {NO_FILE} ;; esac
exec 3<"$name" || exit {FAILED}
[ "$(stat -L -c %d:%i /proc/self/fd/3)" = "$(stat -c %d:%i -- "$name")" ] || exit {NO_FILE}
if [ "$(id -u)" = 0 ] && [ "$(stat -L -c %h /proc/self/fd/3)" -gt 1 ]; then
  set -- $(stat -c '%u %a' .)
  [ "$1" = 0 ] && [ "$((0$2 & 022))" = 0 ] || exit {NO_FILE}
fi
head -c {READ_LIMIT + 1} <&3 || exit {FAILED}
"""
# The steps are those of `LocalHost.replace`. By /proc/self/fd, since the folder's owner may put a
# link in the place of a name. 'go' is waited for, so that one that was given up does nothing later:
# an older list in the place of a newer one would let people in.
REPLACE = f"""\
set -C; exec 3>"./$temporary" || exit {FAILED}; set +C
trap 'rm -f -- "./$temporary"' EXIT; trap 'exit {CUT_OFF}' HUP INT TERM PIPE
head -c "$size" >&3 || exit {FAILED}
mine=/proc/self/fd/3
[ "$(stat -L -c %s $mine)" = "$size" ] || exit {CUT_OFF}
if [ "$as_folder" ] && [ "$(id -u)" = 0 ]; then owner=$(stat -c %u:%g .); fi
if [ "$owner" ]; then chown "$owner" $mine || exit {FAILED}; fi
chmod "$mode" $mine || exit {FAILED}
if before=$(stat -c %Y -- "$name" 2>/dev/null); then
  [ "$(stat -L -c %Y $mine)" -gt "$before" ] || touch -d "@$((before + 1))" $mine || exit {FAILED}
fi
sync $mine || exit {FAILED}
echo ready
read -r word && [ "$word" = go ] || exit {CUT_OFF}
if [ -d "$name" ] && ! [ -L "$name" ]; then no {FAILED} 'mv: Is a directory'; fi
mv -fT -- "./$temporary" "$name" || exit {FAILED}
trap - EXIT
sync . || exit {FAILED}
"""
LIST = f"""\
[ -r . ] || no {FAILED} 'ls: Permission denied'
for each in * .[!.]* ..?*; do
  if [ -e "$each" ] || [ -L "$each" ]; then printf '%s\\0' "$each"; fi
done
"""
MAKE_HOME = f"""\
make() {{ [ -d "$1" ] && return; make "$(dirname -- "$1")"
  mkdir -m 755 -- "$1" || exit {FAILED}; made=1; }}
make "$home"
home
"""
MAKE_ONE = f"""\
if mkdir -m 700 -- "./$folder" 2>/dev/null; then made=1; sync . || exit {FAILED}
elif ! [ -e "./$folder" ] && ! [ -L "./$folder" ]; then mkdir -- "./$folder"; exit {FAILED}; fi
into "$folder"
"""
SET_FOLDER = f"""\
[ "$owner" ] || owner=$(id -u):$(id -g)
set -- $(stat -c '%u:%g %a' .)
[ "$1" = "$owner" ] || {{ chown "$owner" . || exit {FAILED}; made=1; }}
[ "$2" = "$mode" ] || {{ chmod "$mode" . || exit {FAILED}; made=1; }}
echo "$made"
"""
LOOK = f"""\
for each in "$@"; do
  facts=$(stat -c '{FACTS}' -- "$each" 2>&1) || facts="! $facts"
  printf '%s\\0' "$facts"
  if [ -L "$each" ]; then readlink -nz -- "$each"; else printf '\\0'; fi
done
"""
# A look at the clock between two at the time since the start.
BOOTED = """\
read -r before _ </proc/uptime; now=$(date +%s.%N); read -r after _ </proc/uptime
echo "$now $after"
"""
# How many wait, how many may, and who it is, where that is seen. A name may be relative to any
# folder, so the socket is told by its inode.
LISTENERS = """\
PATH=$PATH:/usr/sbin:/sbin
command -v ss >/dev/null || exit 9
ss -xlnpeH | while read -r _ _ waiting room name _ _ _ rest; do
  case $name in "$full"|"$short") ;; *) continue ;; esac
  case "$rest " in *" ino:$inode "*|"ino:$inode "*) ;; *) continue ;; esac
  pid=${rest#*pid=}; pid=${pid%%,*}
  case $pid in *[!0-9]*|'') pid=0 ;; esac
  echo "$waiting $room $pid"
  break
done
"""
