# Python 3.11 and NumPy, and nothing of Jupyter: a kernel must be carried in.
FROM jgc-test/debian12:py311
RUN dpkg-query --show --showformat '${Package}\n' ipython3 'python3-*' \
  | grep -v -x -E 'python3-(minimal|numpy|pkg-resources)' \
  | xargs dpkg --purge --force-depends --force-remove-essential
