# A kernel that says why and exits at once.
FROM jgc-test/debian12:py311
RUN printf '%s' '{"argv": ["/bin/sh", "-c", "echo licence not accepted >&2; exit 3", "{connection_file}"], "display_name": "Python 3 that refuses", "language": "python", "metadata": {}}' \
    > /usr/share/jupyter/kernels/python3/kernel.json
