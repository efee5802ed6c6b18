"""What runs on a machine elsewhere, in POSIX sh with coreutils; see `vpn.host.ssh`.

`LOOP` is given to a shell once, and stays: it reads what is asked from its standard input, one line
of sh each, and answers (`vpn.host.ssh_shell`). So a question costs one way there and back, and no
new program but what it is about. Each line runs in a subshell, so that none changes anything for
the next one.
"""

from vpn.host.interface import NO_PROGRAM, READ_LIMIT

# What a script ends with; the reason is the last line of its complaint.
FAILED, NO_FOLDER, NO_FILE, A_FOLDER, CUT_OFF = 3, 4, 5, 6, 8
# st_mode in hex, uid, gid, modification, change: with nanoseconds.
FACTS = "%f %u %g %.9Y %.9Z"
READY, GO = b"ready\n", b"go\n"

_BEGIN = f"""\
LC_ALL=C; export LC_ALL; unset CDPATH; umask 077; cd /
me=$(id -u); echo "vpnbot $me"
no() {{ echo "$2" >&2; exit "$1"; }}
home() {{ cd -P -- "$1" 2>/dev/null && return
  stat -L -c '' -- "$1" >/dev/null || exit {FAILED}
  no {FAILED} 'cd: Permission denied'; }}
into() {{ above=${{PWD%/}}
  if cd -P "./$1" 2>/dev/null; then
    [ "$PWD" = "$above/$1" ] || no {NO_FOLDER} "$1"
    return
  fi
  kind=$(stat -c %F -- "./$1") || exit {FAILED}
  [ "$kind" = directory ] || no {NO_FOLDER} "$1"
  no {FAILED} 'cd: Permission denied'; }}
there() {{ home "$1"; shift; for each in "$@"; do into "$each"; done; }}
"""
# Where others may put one, root reads no file of two names: the other may be a secret.
_READ = f"""\
read_file() {{
  if ! [ -f "$1" ] || [ -L "$1" ]; then
    kind=$(stat -c %F -- "$1") || exit {FAILED}
    case $kind in regular*) ;; directory) exit {A_FOLDER} ;; *) exit {NO_FILE} ;; esac
  fi
  exec 3<"$1" || exit {FAILED}
  set -- $(stat -c '%d:%i %h' -- - "$1" <&3)
  [ "$1" = "$3" ] || exit {NO_FILE}
  if [ "$me" = 0 ] && [ "$2" -gt 1 ]; then
    set -- $(stat -c '%u %a' .)
    [ "$1" = 0 ] && [ "$((0$2 & 022))" = 0 ] || exit {NO_FILE}
  fi
  exec head -c {READ_LIMIT + 1} <&3; }}
"""
# The steps are those of `LocalHost.replace`. By /proc/self/fd, since the folder's owner may put a
# link in the place of a name. 'go' is waited for, so that one that was given up does nothing later:
# an older list in the place of a newer one would let people in.
_PUT = f"""\
put() {{ name=$1 mode=$2 size=$3 owner=$4 as_folder=$5 temporary=$6
  set -C; exec 3>"./$temporary" || exit {FAILED}; set +C
  trap 'rm -f -- "./$temporary"' EXIT; trap 'exit {CUT_OFF}' HUP INT TERM PIPE
  head -c "$size" <&7 >&3 || exit {FAILED}
  mine=/proc/self/fd/3
  set -- $(stat -c '%s %Y' -- - "$name" <&3 2>/dev/null)
  [ "$1" = "$size" ] || exit {CUT_OFF}
  if [ "$as_folder" ] && [ "$me" = 0 ]; then owner=$(stat -c %u:%g .); fi
  if [ "$owner" ]; then chown "$owner" $mine || exit {FAILED}; fi
  chmod "$mode" $mine || exit {FAILED}
  [ "$2" -gt "${{4:--1}}" ] || touch -d "@$(($4 + 1))" $mine || exit {FAILED}
  sync $mine || exit {FAILED}
  echo ready >&6
  read -r word <&7 && [ "$word" = go ] || exit {CUT_OFF}
  if [ -d "$name" ] && ! [ -L "$name" ]; then no {FAILED} 'mv: Is a directory'; fi
  mv -fT -- "./$temporary" "$name" || exit {FAILED}
  trap - EXIT
  exec sync .; }}
"""
_CHANGE = f"""\
take_away() {{ "$1" -- "$2" || exit {FAILED}; exec sync .; }}
move() {{ stat -c '' -- "$1" >/dev/null || exit {FAILED}
  mv -fT -- "$1" "/proc/self/fd/3/$2" || exit {FAILED}
  exec sync . /proc/self/fd/3; }}
make_home() {{ [ -d "$1" ] && return; make_home "$(dirname -- "$1")"
  mkdir -m 755 -- "$1" || exit {FAILED}; made=1; }}
make_one() {{
  if mkdir -m 700 -- "./$1" 2>/dev/null; then made=1; sync . || exit {FAILED}
  elif ! [ -e "./$1" ] && ! [ -L "./$1" ]; then mkdir -- "./$1"; exit {FAILED}; fi
  into "$1"; }}
set_folder() {{ owner=${{2:-$me:$(id -g)}} mode=$1
  set -- $(stat -c '%u:%g %a' .)
  [ "$1" = "$owner" ] || {{ chown "$owner" . || exit {FAILED}; made=1; }}
  [ "$2" = "$mode" ] || {{ chmod "$mode" . || exit {FAILED}; made=1; }}
  echo "$made"; }}
"""
# What lies at each path, and where links lead, each with the path; then what is not there, and why.
_LOOK = f"""\
list() {{ [ -r . ] || no {FAILED} 'ls: Permission denied'
  for each in * .[!.]* ..?*; do
    if [ -e "$each" ] || [ -L "$each" ]; then printf '%s\\0' "$each"; fi
  done; }}
look() {{ stat --printf '=%n\\0{FACTS}\\0' -- "$@" 2>/dev/null
  for each in "$@"; do
    if [ -L "$each" ]; then printf '>%s\\0' "$each"; readlink -z -- "$each" || printf '\\0'
    elif ! [ -e "$each" ]; then printf '!%s\\0%s\\0' "$each" "$(stat -c '' -- "$each" 2>&1)"; fi
  done; }}
program() {{ cd /; PATH=$PATH:/usr/sbin:/sbin; export PATH
  command -v "$1" >/dev/null 2>&1 || exit {NO_PROGRAM}
  exec "$@" 2>&1; }}
fed() {{ size=$1; shift
  head -c "$size" <&7 | {{ (program "$@" 6>&- 7<&-); status=$?; cat >/dev/null; exit $status; }}; }}
"""
# A look at the clock between two at the time since the start, which has hundredths of a second. On
# a busy machine much time may go by in the middle: then it is done once more.
_PROCESS = f"""\
process() {{ IFS= read -r stat <"/proc/$1/stat" || exit {FAILED}
  for each in 1 2 3 4 5; do
    read -r before _ </proc/uptime; now=$(date +%s.%N); read -r after _ </proc/uptime
    [ $((1${{after%.*}}${{after#*.}} - 1${{before%.*}}${{before#*.}})) -gt 2 ] || break
  done
  printf '%s\\n' "$now $after" "$stat"; }}
"""
# How many wait, how many may, and who it is, where that is seen. A name may be relative to any
# folder, so the socket is told by its inode.
_LISTENERS = f"""\
listeners() {{ full=$1 short=${{1##*/}}; folder=${{1%/*}}
  (home "${{folder:-/}}") || exit {NO_FOLDER}
  home "${{folder:-/}}"
  set -- $(stat -c '%i %F' -- "./$short"); [ "$1" ] || exit {FAILED}
  inode=$1; [ "$2" = socket ] || exit {NO_FILE}
  PATH=$PATH:/usr/sbin:/sbin
  command -v ss >/dev/null || exit 9
  ss -xlnpeH | while read -r _ _ waiting room name _ _ _ rest; do
    case $name in "$full"|"$short") ;; *) continue ;; esac
    case "$rest " in *" ino:$inode "*|"ino:$inode "*) ;; *) continue ;; esac
    pid=${{rest#*pid=}}; pid=${{pid%%,*}}
    case $pid in *[!0-9]*|'') pid=0 ;; esac
    echo "$waiting $room $pid"
    break
  done; }}
"""
# A question is its mark, how many lines follow, and whether they take more from standard input, in
# which case it is one. All answers to one question leave in one piece: else sshd keeps the second
# piece until the first was confirmed. What was fed may have been left: then nobody knows where the
# next question begins, and the shell ends.
_LOOP = """\
exec 7<&0 </dev/null 6>&1 2>/dev/null
tell() { printf '\\n%s %s\\n%s\\n%s.\\n' "$mark" "$1" "$said" "$mark"; }
answers() {
  while [ "$count" -gt 0 ]; do
    IFS= read -r line <&7 || exit
    said=$(eval "$line" 2>&1 >&4 4>&- 6>&- 7<&-); tell $?
    count=$((count - 1))
  done; }
while read -r mark count feeds <&7; do
  case $count in ''|*[!0-9]*) continue ;; esac
  if [ "$feeds" ]; then
    IFS= read -r line <&7 || exit
    said=$(eval "$line" 2>&1 >&6); status=$?
    tell $status; [ $status = 0 ] || exit
  else
    answers 4>&1 | dd bs=65536 iflag=fullblock
  fi
done
"""
LOOP = "".join((_BEGIN, _READ, _PUT, _CHANGE, _LOOK, _PROCESS, _LISTENERS, _LOOP))
