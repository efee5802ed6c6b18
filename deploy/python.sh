#!/bin/sh
# Looks whether PYTHON can run this program, and says how to get one that can.
python=${PYTHON:-python3}

if ! found=$("$python" -c 'import platform; print(platform.python_version())' 2>/dev/null); then
    found=""
elif "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    "$python" -c 'import ensurepip, venv' 2>/dev/null && exit 0
    echo "$python is here, but not its venv, which makes the folder that this goes into." >&2
    echo "On Debian and Ubuntu, as root: apt-get install $(basename "$python")-venv" >&2
    exit 1
fi
echo "Python 3.11 or newer is needed, and $python is ${found:-not there}." >&2
for other in python3.14 python3.13 python3.12 python3.11; do
    if "$other" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "There is $other here: make ${1:-demo} PYTHON=$other" >&2
        exit 1
    fi
done
cat >&2 <<END
Debian 12 and 13 and Ubuntu 24.04 bring it: apt-get install python3 python3-venv
On Ubuntu 22.04, as root: apt-get install python3.11 python3.11-venv
Then, here: make ${1:-demo} PYTHON=python3.11
END
exit 1
