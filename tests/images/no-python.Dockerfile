# An image without any Python: nothing in it can become a kernel.
FROM jgc-test/debian12:py311
RUN rm -rf /usr/bin/python3* /usr/lib/python3* /usr/share/jupyter
