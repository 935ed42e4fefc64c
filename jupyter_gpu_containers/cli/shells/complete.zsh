# Names of the kind $1 that exist, each with what it is.
_jupyter_gpu_containers_names() {
  local kind=$1 line
  local -a names about
  shift
  for line in "${(@f)$(command jupyter-gpu-containers complete $kind ${(Q)PREFIX} 2>/dev/null </dev/null)}"; do
    [[ -n $line ]] || continue
    names+=("${line%%$'\t'*}")
    about+=("${${line/$'\t'/  }%  }")
  done
  (( $#names )) && compadd "$@" -l -d about -a names
}
@kinds@
# `jupyter gpu-containers …`; all else of `jupyter` as before, or the programs that it finds.
_jupyter_gpu_containers_by_jupyter() {
  if (( CURRENT > 2 )) && [[ $words[2] == gpu-containers ]]; then
    shift words
    words[1]=jupyter-gpu-containers
    (( CURRENT -= 1 ))
    _shtab_jupyter_gpu_containers
  elif [[ -n $_jupyter_gpu_containers_before ]]; then
    $_jupyter_gpu_containers_before
  elif (( CURRENT == 2 )); then
    compadd -- ${${(k)commands[(I)jupyter-*]}#jupyter-}
  else
    _files
  fi
}

if [[ $_comps[jupyter] != _jupyter_gpu_containers_by_jupyter ]]; then
  typeset -g _jupyter_gpu_containers_before=$_comps[jupyter]
fi
compdef _jupyter_gpu_containers_by_jupyter jupyter
