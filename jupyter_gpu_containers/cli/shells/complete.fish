# Names of a kind that exist, each with what it is.
function _jupyter_gpu_containers_names
    set -l begin (commandline -ct | string replace -r '^--[a-z-]+=' '')
    command jupyter-gpu-containers complete $argv[1] "$begin" 2>/dev/null </dev/null
end

# `jupyter gpu-containers …` in two words.
function _jupyter_gpu_containers_by_jupyter
    set -l line (commandline -cp | string replace -r '^\s*\S+\s+gpu-containers' jupyter-gpu-containers)
    complete -C "$line"
end
complete -c jupyter -n 'set -l words (commandline -opc); test "$words[2]" = gpu-containers' \
    -f -a '(_jupyter_gpu_containers_by_jupyter)'
complete -c jupyter -n 'test (count (commandline -opc)) -eq 1' -f -a gpu-containers
