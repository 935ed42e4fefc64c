# Python, but no kernel and no kernelspec.
FROM jgc-test/debian12:py311
RUN rm -rf /usr/share/jupyter /usr/lib/python3/dist-packages/ipykernel*
