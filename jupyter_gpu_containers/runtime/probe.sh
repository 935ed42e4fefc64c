# Looks for kernels inside an image. Run by `/bin/sh -c`, as nobody, without network; POSIX sh only.
# Prints records that begin with \036 (RFC 7464) and a word; the reader is runtime/probe.py.
#   python <JSON>                 an interpreter
#   kernelspec <directory> <NL> kernel.json as it is
#   irkernel <R>                  an R that has the package IRkernel

PYTHON='
import json, os, platform, sys
try:
    from importlib.util import find_spec
except ImportError:
    find_spec = None
def has(name):
    try:
        return find_spec is not None and find_spec(name) is not None
    except Exception:
        return False
def libc():
    try:
        version = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError, AttributeError):
        version = None
    if version:
        return version
    with open(sys.executable, "rb") as file:
        return "musl" if b"ld-musl-" in file.read(65536) else ""
def quietly(function):
    try:
        return function()
    except Exception:
        return ""
print(json.dumps({
    "version": ".".join(str(part) for part in sys.version_info[:3]),
    "prefix": sys.prefix,
    "executable": sys.executable,
    "ipykernel": has("ipykernel_launcher"),
    "debugpy": has("debugpy"),
    "implementation": quietly(lambda: sys.implementation.name),
    "abiflags": quietly(lambda: sys.abiflags),
    "machine": platform.machine() if sys.maxsize > 2**32 else "",
    "libc": quietly(libc),
}))
'

listed=:
# $1: a directory of kernelspecs
kernelspecs() {
    case "$listed" in *":$1:"*) return 0 ;; esac
    listed="$listed$1:"
    for file in "$1"/*/kernel.json; do
        [ -f "$file" ] || continue
        printf '\036kernelspec %s\n' "${file%/kernel.json}"
        head -c 16384 "$file"
        printf '\n'
    done
}

seen=:
# $1: an interpreter
interpreter() {
    name=$("$1" -c 'import sys; sys.stdout.write("%s %s.%s" % ((sys.prefix,) + sys.version_info[:2]))' \
        2>/dev/null) || return 0
    case "$seen" in *":$name:"*) return 0 ;; esac
    seen="$seen$name:"
    facts=$("$1" -c "$PYTHON" 2>/dev/null) || return 0
    prefix=${name% *}
    printf '\036python %s\n' "$facts"
    kernelspecs "$prefix/share/jupyter/kernels"
}

cd /
for name in python3 python; do
    path=$(command -v "$name" 2>/dev/null) && interpreter "$path"
done
kernelspecs /usr/local/share/jupyter/kernels
kernelspecs /usr/share/jupyter/kernels
for path in /opt/conda/bin/python /opt/conda/envs/*/bin/python /opt/venv/bin/python \
    /opt/*/bin/python3 /opt/*/envs/*/bin/python /venv/bin/python \
    /usr/local/bin/python3 /usr/local/bin/python3.[0-9] /usr/local/bin/python3.[0-9][0-9] \
    /usr/bin/python3 /usr/bin/python3.[0-9] /usr/bin/python3.[0-9][0-9]; do
    [ -x "$path" ] && interpreter "$path"
done
for path in /opt/conda /opt/conda/envs/* /opt/*/envs/*; do
    kernelspecs "$path/share/jupyter/kernels" # those of an environment without Python
done
for path in /usr/local/lib/R/site-library /usr/local/lib/R/library /usr/lib/R/site-library \
    /usr/lib/R/library /usr/lib64/R/library /usr/share/R/library /opt/R/*/lib/R/library \
    /opt/conda/lib/R/library /opt/*/envs/*/lib/R/library; do
    [ -f "$path/IRkernel/DESCRIPTION" ] || continue
    for home in "${path%/*}" /usr/lib/R /usr/lib64/R /usr/local/lib/R; do
        [ -x "$home/bin/R" ] && printf '\036irkernel %s\n' "$home/bin/R" && break
    done
done
exit 0
