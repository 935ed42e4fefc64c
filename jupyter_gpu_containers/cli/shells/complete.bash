# Names that exist, and `jupyter gpu-containers` in two words; behind what shtab writes, for bash.

# Names of the kind $1 that begin as the word $2, quoted as it is.
_jupyter_gpu_containers_names() {
  local quote='' word=$2 name
  case $word in
    \"* | \'*) quote=${word:0:1} word=${word:1} ;;
    *) word=${word//\\/} ;;
  esac
  while IFS=$'\t' read -r name _; do
    [[ $name == "$word"* ]] || continue
    if [[ $quote ]]; then
      [[ $name == *[\"\'\$\`\\]* ]] || printf '%s\n' "$quote$name$quote"
    elif [[ $name == *[!a-zA-Z0-9_./:=@,+-]* ]]; then
      printf '%q\n' "$name"
    else
      printf '%s\n' "$name"
    fi
  done < <(command jupyter-gpu-containers complete "$1" "$word" 2>/dev/null </dev/null)
}

_jupyter_gpu_containers_files() { compgen -f -- "${1//\\/}"; }
_jupyter_gpu_containers_folders() { compgen -d -- "${1//\\/}"; }
@kinds@
# Bash takes "image:tag" for three words, and "--gpus=2", too: those that are glued are one word
# for shtab, except that an option and its value are two. What is before the last : or = stays.
_jupyter_gpu_containers_completed() {
  local -a words=()
  local i word line=$COMP_LINE rest last='' cword=0
  for i in "${!COMP_WORDS[@]}"; do
    word=${COMP_WORDS[i]}
    rest=${line#"${line%%[![:space:]]*}"}
    if ((i > 0)) && [[ $COMP_LINE && $rest == "$line" && ($word == [:=]* || $last == *[:=]) ]]; then
      if [[ $word == = && ${words[-1]} == --* && ${words[-1]} != *=* ]]; then
        words+=('')
      else
        words[-1]+=$word
      fi
    else
      words+=("$word")
    fi
    ((i == COMP_CWORD)) && cword=$((${#words[@]} - 1))
    line=${rest#"$word"}
    last=$word
  done
  local -a COMP_WORDS=("${words[@]}")
  local COMP_CWORD=$cword
  word=${words[cword]}
  _shtab_jupyter_gpu_containers
  if [[ $word == *[:=]* && $word != [\"\']* ]]; then
    word=${word%"${word##*[:=]}"}
    for i in "${!COMPREPLY[@]}"; do COMPREPLY[i]=${COMPREPLY[i]#"$word"}; done
  fi
}

# `jupyter gpu-containers …`; all else of `jupyter` as before, or the programs that it finds.
_jupyter_gpu_containers_by_jupyter() {
  local word=${COMP_WORDS[COMP_CWORD]}
  if ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} == gpu-containers ]]; then
    local -a COMP_WORDS=(jupyter-gpu-containers "${COMP_WORDS[@]:2}")
    local COMP_CWORD=$((COMP_CWORD - 1)) COMP_LINE=${COMP_LINE#*gpu-containers}
    COMP_LINE=jupyter-gpu-containers$COMP_LINE
    _jupyter_gpu_containers_completed
  elif [[ $_jupyter_gpu_containers_before ]]; then
    "$_jupyter_gpu_containers_before" "$@"
  elif ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -c -- "jupyter-$word" | sed 's/^jupyter-//' | sort -u)
  fi
}

if ! complete -p jupyter 2>/dev/null | grep -q _jupyter_gpu_containers_by_jupyter; then
  _jupyter_gpu_containers_before=$(complete -p jupyter 2>/dev/null | sed -n 's/.* -F \([^ ]*\) .*/\1/p')
fi
complete -o bashdefault -o default -F _jupyter_gpu_containers_completed jupyter-gpu-containers
complete -o bashdefault -o default -F _jupyter_gpu_containers_by_jupyter jupyter
