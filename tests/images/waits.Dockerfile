# A kernel that is held back until there is a file "go" in the notebook's folder.
FROM jgc-test/debian12:py311
RUN printf '%s' '{"argv": ["/bin/sh", "-c", "until [ -e go ]; do sleep 0.05; done; exec python3 -m ipykernel_launcher -f $0", "{connection_file}"], "display_name": "Python 3 that waits", "language": "python", "metadata": {}}' \
    > /usr/share/jupyter/kernels/python3/kernel.json
